"""The language of a text: real sentences, and whatever else strangers write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earful.contracts import Classifier
from earful.languages import NAMES, name_of
from sentiment.language import (
    CANDIDATES,
    CLOSE,
    MAX_CHARACTERS,
    ONE_LANGUAGE,
    DetectedLanguage,
    covered,
    identify,
    words_of,
)
from sentiment.prepare import prepare

SENTENCES = {
    "ar": "انتظرت الطلب ثلاثة أسابيع ولم يصل حتى الآن، والخدمة سيئة جدا",
    "bg": "Чакам поръчката си вече три седмици и никой не ми отговаря на имейлите",
    "cs": "Na svou objednávku čekám už tři týdny a nikdo mi neodpovídá na zprávy",
    "de": "Seit drei Wochen warte ich auf meine Bestellung und niemand geht ans Telefon",
    "el": "Περιμένω την παραγγελία μου τρεις εβδομάδες και κανείς δεν απαντάει",
    "en": "I have been waiting for my order for three weeks and nobody picks up the phone",
    "es": "Llevo tres semanas esperando mi pedido y nadie contesta el teléfono",
    "fi": "Olen odottanut tilaustani jo kolme viikkoa eikä kukaan vastaa puhelimeen",
    "fr": "J'attends ma commande depuis trois semaines et personne ne répond au téléphone",
    "he": "אני מחכה להזמנה שלי כבר שלושה שבועות ואף אחד לא עונה",
    "hi": "मैं तीन हफ़्ते से अपने ऑर्डर का इंतज़ार कर रहा हूँ और कोई जवाब नहीं देता",
    "hu": "Három hete várok a rendelésemre és senki nem veszi fel a telefont",
    "it": "Aspetto il mio ordine da tre settimane e nessuno risponde al telefono",
    "ja": "注文してから三週間待っていますが、誰も電話に出ません",
    "ko": "주문한 지 삼 주가 지났는데 아무도 전화를 받지 않아요",
    "nl": "Ik wacht al drie weken op mijn bestelling en niemand neemt de telefoon op",
    "pl": "Czekam na swoje zamówienie już trzy tygodnie i nikt nie odbiera telefonu",
    "pt": "Estou há três semanas à espera da minha encomenda e ninguém atende o telefone",
    "ro": "Aștept comanda mea de trei săptămâni și nimeni nu răspunde la telefon",
    "ru": "Жду свой заказ уже три недели, и никто не берёт трубку",
    "sv": "Jag har väntat på min beställning i tre veckor och ingen svarar i telefonen",
    "sw": "Nimesubiri agizo langu kwa wiki tatu na hakuna mtu anayepokea simu",
    "th": "รอสินค้าที่สั่งมาสามสัปดาห์แล้ว ไม่มีใครรับโทรศัพท์เลย",
    "tr": "Siparişimi üç haftadır bekliyorum ve kimse telefona cevap vermiyor",
    "uk": "Чекаю на своє замовлення вже три тижні, і ніхто не бере слухавку",
    "vi": "Tôi đã đợi đơn hàng ba tuần rồi mà không ai nghe điện thoại",
    "yo": "Mo ti ń dúró de ọjà mi fún ọ̀sẹ̀ mẹ́ta, kò sì sí ẹni tó dáhùn",
    "zh": "我的订单已经等了三个星期，客服电话一直没有人接",
}


def found(text: str) -> DetectedLanguage:
    return identify(prepare(text))


@pytest.mark.parametrize("code", SENTENCES)
def test_a_complaint_in_one_language(code: str) -> None:
    assert found(SENTENCES[code]).language == code


@pytest.mark.parametrize("code", SENTENCES)
def test_links_handles_hashtags_and_emoji_change_nothing(code: str) -> None:
    post = f"@AcmeAir 😡😡 https://acme.example/very/english/words {SENTENCES[code]} #4711 👎🏽"
    assert words_of(prepare(post)) == words_of(prepare(SENTENCES[code]))
    assert found(post) == found(SENTENCES[code])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "ok",
            "no!",
            "lol 😂",
            "👍👍👍👍👍👍👍👍👍👍👍👍",
            "12:30 14.11.2026 0800 123 456",
        ),
        *("https://x.example/a @acme #1", "!!!!!!!!!!!!!!!!", "λ = 2π", "の", "\ud83d\ude00" * 20),
        *("\u200b" * 50, "\x00\x01\x02" * 10, "http http http http http http", "@user @user @user"),
    ],
)
def test_too_little_to_say(text: str) -> None:
    assert found(text) == DetectedLanguage()


def test_words_that_belong_to_many_languages_name_none() -> None:
    assert found("Acme Samsung Galaxy Madrid Paris").language is None


def test_a_script_of_one_language_decides_from_three_letters_and_is_sure_from_ten() -> None:
    short, whole = found("Αίσχος!"), found("Αίσχος και πάλι αίσχος")
    assert (short.language, short.is_sure) == ("el", False)
    assert (whole.language, whole.is_sure) == ("el", True)


def test_the_script_that_most_letters_are_in_decides() -> None:
    assert found("Το service της Acme είναι απαράδεκτο, ποτέ ξανά").language == "el"
    assert found("the word for a complaint is παράπονο in their language").language == "en"


def test_kana_makes_it_japanese_and_one_decoration_does_not() -> None:
    assert found("返品対応最悪、二度と買わない").language == "ja"
    assert found("我的订单已经等了三个星期客服电话一直没有人接真的太差了吧の").language == "zh"


def test_capitals_are_read_like_small_letters() -> None:
    assert found(SENTENCES["de"].upper()).language == "de"


def test_a_long_text_is_judged_by_its_beginning() -> None:
    long = SENTENCES["fr"] + " "
    assert found(long * 200) == found((long * 200)[:MAX_CHARACTERS])
    assert found(long * 200).language == "fr"
    assert found("а" * 10_000) == found("а" * 4_000)


@given(st.text(st.characters() | st.characters(categories=["Cs"]), max_size=300))
def test_any_text_at_all_gets_the_same_answer_twice(text: str) -> None:
    """Surrogates, unassigned characters, every script; also unprepared."""
    assert identify(text) == identify(text)
    one = found(text)
    assert one.language in {None, one.nearest}
    assert one.nearest in CANDIDATES | set(ONE_LANGUAGE.values()) | {None}


def test_threads_find_what_one_finds() -> None:
    texts = [prepare(one) for one in SENTENCES.values()] * 5
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(identify, texts)) == [identify(one) for one in texts]


def test_evidence_for_a_language_covers_those_close_to_it() -> None:
    norwegian = found("Jeg har ventet på bestillingen min i tre uker, og ingen tar telefonen")
    assert norwegian.is_sure
    assert not norwegian.is_outside(covered(["da"]))
    assert norwegian.is_outside(covered(["de", "fi"]))
    assert covered([]) == frozenset()
    assert {"pt", "gl"} <= covered(["gl"])


def test_no_language_is_in_two_groups() -> None:
    assert len(frozenset().union(*CLOSE)) == sum(map(len, CLOSE))


@pytest.mark.parametrize("text", ["", "ok", "Acme Samsung Galaxy Madrid Paris"])
def test_what_is_not_sure_is_never_outside(text: str) -> None:
    assert not found(text).is_outside(covered([]))


@pytest.mark.parametrize(
    "text",
    [
        "bhai teen hafte se order ka wait kar raha hu, koi phone nahi uthata",
        "Abeg una don delay my order for three weeks now, nobody dey pick call",
        "perimenw tin paraggelia mou treis evdomades kai kaneis den apantaei",
    ],
    ids=["Hindi in Latin letters", "Nigerian Pidgin", "Greek in Latin letters"],
)
def test_other_spellings_of_what_the_model_knows_are_not_refused(text: str) -> None:
    assert not found(text).is_outside(covered(["el", "en", "hi", "pcm"]))


def test_every_language_that_can_be_found_has_a_name() -> None:
    assert set(NAMES) >= CANDIDATES | set(ONE_LANGUAGE.values())
    assert (name_of("el"), name_of("tlh")) == ("Greek", "tlh")


# --- what the classifier makes of it --------------------------------------------------------


def test_scores_carry_the_language(classifier: Classifier) -> None:
    greek, nothing, emoji, short = classifier.classify([SENTENCES["el"], "", "😡", "ok"])
    assert greek.language == "el"
    assert not greek.could_not_tell
    assert (nothing.language, emoji.language, short.language) == (None, None, None)


def test_a_language_outside_the_evidence_cannot_be_told(classifier: Classifier) -> None:
    """The three numbers stay the model's own."""
    (yoruba,) = classifier.classify([SENTENCES["yo"]])
    assert (yoruba.language, yoruba.could_not_tell) == ("yo", True)
    assert yoruba.negative != yoruba.positive


def test_the_language_does_not_depend_on_the_neighbours(classifier: Classifier) -> None:
    texts = list(SENTENCES.values())
    together = [one.language for one in classifier.classify(texts)]
    assert together == [classifier.classify([one])[0].language for one in texts]
