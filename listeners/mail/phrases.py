"""List the phrases with which mail programs introduce quotations, in two dozen languages.

All phrases are in lower case, as ``str.casefold`` gives it. Programs write them in the reader's
language, so one thread can hold several.
"""

from __future__ import annotations

# The verb of "On Monday, Ann wrote:"; reply.py says which other parts the line must have.
WROTE = (
    "wrote",
    "schrieb",
    "a écrit",
    "escribió",
    "ha scritto",
    "escreveu",
    "schreef",
    "geschreven",
    "skrev",
    "kirjoitti",
    "napisał",
    "pisze",
    "napsal",
    "napísal",
    "написал",
    "пишет",
    "написав",
    "пише",
    "έγραψε",
    "yazdı",
    "a scris",
    "írta",
    "menulis",
    "đã viết",
    "aliandika",
    "เขียน",
    "كتب",
    "כתב",
    "ने लिखा",
    "写道",
    "寫道",
    "のメール",
    "書きました",
    "작성",
)

# How that line begins. It is required where no ">" shows that a quotation follows.
OPENERS = (
    "on ",
    "am ",
    "le ",
    "el ",
    "il ",
    "em ",
    "op ",
    "den ",
    "dne ",
    "dňa ",
    "w dniu ",
    "pe ",
    "în ",
    "στις ",
    "την ",
    "pada ",
    "vào ",
    "mnamo ",
    "เมื่อ ",
    "في ",
    "ב-",
    "בתאריך ",
    "在 ",
    "于 ",
)

# Between dashes, or before a colon, they introduce another person's mail.
FORWARDED = (
    "original message",
    "forwarded message",
    "ursprüngliche nachricht",
    "weitergeleitete nachricht",
    "weitergeleiteten e-mail",
    "message d'origine",
    "message original",
    "message transféré",
    "message réexpédié",
    "mensaje original",
    "mensaje reenviado",
    "messaggio originale",
    "messaggio inoltrato",
    "mensagem original",
    "mensagem encaminhada",
    "oorspronkelijk bericht",
    "doorgestuurd bericht",
    "ursprungligt meddelande",
    "vidarebefordrat",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "videresendt",
    "alkuperäinen viesti",
    "välitetty viesti",
    "oryginalna wiadomość",
    "wiadomość oryginalna",
    "wiadomość przekazana",
    "původní zpráva",
    "přeposlaná zpráva",
    "исходное сообщение",
    "пересылаемое сообщение",
    "переслане повідомлення",
    "αρχικό μήνυμα",
    "προωθημένο μήνυμα",
    "orijinal mesaj",
    "iletilen mesaj",
    "mesajul original",
    "eredeti üzenet",
    "továbbított üzenet",
    "元のメッセージ",
    "転送メッセージ",
    "原始邮件",
    "转发的邮件",
    "原始郵件",
    "원본 메시지",
    "전달된 메시지",
    "الرسالة الأصلية",
    "הודעה מקורית",
    "pesan asli",
    "pesan terusan",
    "tin nhắn gốc",
    "ujumbe asili",
)


def _header_names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(","))


# Outlook puts a block of headers above a quotation; reply.py requires From, Subject and one more.
FROM = _header_names(
    "from, von, de, da, van, från, fra, lähettäjä, od, от, від, від кого, από, kimden, gönderen, "
    "de la, feladó, 差出人, 送信者, 发件人, 寄件者, 보낸 사람, من, מאת, dari, từ, จาก, kutoka"
)
SUBJECT = _header_names(
    "subject, betreff, objet, asunto, oggetto, assunto, onderwerp, ämne, emne, aihe, temat, "
    "předmět, predmet, тема, θέμα, konu, subiect, tárgy, 件名, 主题, 主旨, 제목, الموضوع, נושא, "
    "subjek, perihal, chủ đề, เรื่อง, mada"
)
OTHER_FIELDS = _header_names(
    "sent, date, to, cc, bcc, reply-to, gesendet, datum, an, kopie, envoyé, à, enviado, "
    "enviada el, enviada em, fecha, para, inviato, data, a, verzonden, aan, skickat, till, "
    "kopia, sendt, dato, til, kopi, lähetetty, päivä, vastaanottaja, kopio, wysłano, do, dw, "
    "odesláno, komu, odoslané, отправлено, кому, дата, копия, надіслано, στάλθηκε, ημερομηνία, "
    "προς, κοιν, gönderildi, tarih, kime, bilgi, trimis, către, elküldve, dátum, címzett, "
    "送信日時, 日時, 宛先, 发送时间, 日期, 收件人, 傳送, 收件者, 보낸 날짜, 날짜, 받는 사람, "
    "تم الإرسال, التاريخ, إلى, נשלח, תאריך, אל, dikirim, tanggal, kepada, ngày, đến, วันที่, "
    "ถึง, tarehe, kwenda"
)

# The last line of a mail from a telephone begins like SENT_FROM or ends like SENT_FROM_ENDS.
SENT_FROM = (
    "sent from my ",
    "sent from ",
    "sent via ",
    "get outlook for ",
    "von meinem ",
    "gesendet von ",
    "gesendet mit ",
    "von unterwegs gesendet",
    "diese nachricht wurde von mein",
    "outlook für ",
    "envoyé de mon ",
    "envoyé depuis ",
    "envoyé à partir d",
    "télécharger outlook",
    "obtenir outlook",
    "enviado desde ",
    "obtener outlook",
    "inviato da ",
    "inviato dal mio ",
    "scarica outlook",
    "ottieni outlook",
    "enviado do meu ",
    "enviado a partir d",
    "obter o outlook",
    "verstuurd vanaf ",
    "verzonden vanaf ",
    "outlook voor ",
    "skickat från ",
    "skickades från ",
    "sendt fra ",
    "lähetetty ",
    "wysłane z ",
    "wysłano z ",
    "odesláno z",
    "odoslané z",
    "отправлено с ",
    "отправлено из ",
    "надіслано з ",
    "στάλθηκε από ",
    "αποστολή από ",
    "εστάλη από ",
    "trimis de pe ",
    "trimis din ",
    "发自我的",
    "從我的",
    "أرسلت من ",
    "تم الإرسال من ",
    "נשלח מה",
    "dikirim dari ",
    "được gửi từ ",
    "đã gửi từ ",
    "ส่งจาก",
    "imetumwa kutoka ",
)
SENT_FROM_ENDS = ("gesendet", "gönderildi", "küldve", "から送信", "에서 보냄", "傳送")
