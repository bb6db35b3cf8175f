"""Recognise mails of a mailbox file that no customer sent, by the marks of the mail program.

A program writes into an exported mail where the mail lay and how it was marked: Gmail's labels
(Google Takeout; in the language of the account), X-Status of mutt and Dovecot, X-Mozilla-Status of
Thunderbird and X-Evolution. Spam, drafts, sent and deleted mails are no customers' mails.

Sources: Gmail's own names of its folders in its interface languages, as Takeout writes them;
https://docs.python.org/3/library/mailbox.html#mboxmessage-objects (X-Status);
nsMsgMessageFlags.idl (Thunderbird); camel-enums.h (Evolution).
"""

from __future__ import annotations

import re
from email.message import Message

from earful.folding import fold
from listeners.mail.mime import decode_header_value, header

SPAM, DRAFT, SENT, DELETED = "spam", "a draft", "sent by us", "deleted"

_NAMES = {
    SPAM: """
        Spam | Junk | Junk E-mail | Bulk Mail | Unerwünscht | Correo no deseado
        Courrier indésirable | Posta indesiderata | Lixo eletrônico | Ongewenste e-mail
        Correu brossa | Roskaposti | Skräppost | Søppelpost | Uønsket mail | Спам | Ανεπιθύμητα
        Ανεπιθύμητη αλληλογραφία | Gereksiz | Neželjena pošta | Vsiljena pošta | Šlamštas
        Mēstules | Surogātpasts | Rämpspost | 迷惑メール | 垃圾邮件 | 垃圾郵件 | 스팸함 | 스팸
        ספאם | דואר זבל | غير مرغوب فيه | بريد مزعج | الرسائل غير المرغوب فيها | จดหมายขยะ
        สแปม | Thư rác | स्पैम
        """,
    DRAFT: """
        Draft | Drafts | Scheduled | Entwurf | Entwürfe | Geplant | Brouillon | Brouillons
        Borrador | Borradores | Bozza | Bozze | Rascunho | Rascunhos | Concepten
        Wersje robocze | Robocze | Utkast | Kladder | Kladde | Luonnokset | Черновики | Чернетки
        Чернови | Πρόχειρα | Taslaklar | Koncepty | Piszkozatok | Mesaje nefinalizate | Ciorne
        Skice | Osnutki | Juodraščiai | Melnraksti | Mustandid | Esborranys | 下書き | 草稿
        임시보관함 | טיוטות | مسودات | المسودات | จดหมายร่าง | ร่างจดหมาย | Thư nháp | Draf
        ड्राफ़्ट
        """,
    SENT: """
        Sent | Sent Mail | Sent Items | Sent Messages | Outbox | Gesendet | Gesendete Elemente
        Messages envoyés | Envoyés | Envoyé | Éléments envoyés | Enviado | Enviados
        Elementos enviados | Posta inviata | Inviati | Inviata | E-mails enviados
        Correio enviado | Itens enviados | Verzonden | Verzonden berichten | Verzonden items
        Wysłane | Skickat | Skickade | Sendt | Sendte | Sendt post | Lähetetyt | Отправленные
        Надіслані | Відправлені | Изпратени | Απεσταλμένα | Σταλμένα | Gönderilenler
        Gönderilmiş | Gönderilmiş Postalar | Gönderilmiş Öğeler | Odeslaná pošta | Odeslané
        Odoslané | Odoslaná pošta | Elküldött | Elküldött levelek | Elküldött üzenetek | Trimise
        Mesaje trimise | Poslano | Poslana pošta | Išsiųsta | Išsiųsti laiškai | Nosūtītie
        Nosūtīts | Saadetud | Enviats | 送信済み | 送信済みメール | 已发送 | 已发邮件
        已傳送郵件 | 寄件備份 | 보낸편지함 | נשלחו | נשלח | דואר יוצא | البريد المرسل
        الرسائل المرسلة | بريد مرسل | المرسلة | ส่งแล้ว | จดหมายที่ส่งแล้ว | Thư đã gửi | Đã gửi
        Terkirim | Surat Terkirim | भेजा गया | भेजे गए | भेजी गई
        """,
    DELETED: """
        Trash | Bin | Deleted | Deleted Items | Deleted Messages | Papierkorb | Gelöscht
        Gelöschte Elemente | Corbeille | Éléments supprimés | Papelera | Eliminados | Cestino
        Posta eliminata | Lixeira | Lixo | Itens excluídos | Reciclagem | Prullenbak
        Verwijderde items | Kosz | Papperskorgen | Papperskorg | Papirkurv | Papirkurven
        Roskakori | Корзина | Кошик | Кошче | Κάδος | Κάδος απορριμμάτων | Διαγραμμένα | Çöp
        Çöp Kutusu | Koš | Kôš | Kuka | Lomtár | Coș de gunoi | Coş de gunoi | Smeće | Otpad
        Smetnjak | Šiukšliadėžė | Šiukšlinė | Atkritne | Miskaste | Prügikast | Paperera
        ゴミ箱 | 已删除邮件 | 已删除 | 已刪除的郵件 | 垃圾桶 | 废纸篓 | 回收站 | 휴지통 | אשפה
        سلة المهملات | المهملات | ถังขยะ | Thùng rác | Sampah | Tong Sampah | ट्रैश
        """,
}
_FILED_AS = {
    fold(name): kind
    for kind, names in _NAMES.items()
    for name in re.split(r"[|\n]", names)
    if name.strip()
}
# as IMAP and older exports write a folder's name: "[Gmail]/Sent Mail", "\\Sent"
_FOLDER_PREFIX = re.compile(r"(?:\[[^\]]{1,20}\][/.])?\\{0,2}")
_LABEL_HEADERS = ("X-Gmail-Labels", "X-GM-LABELS")
_STATUS_FLAGS = {"T": DRAFT, "D": DELETED}
_MOZILLA_EXPUNGED = 0x0008
_EVOLUTION_FLAGS = {1 << 1: DELETED, 1 << 2: DRAFT, 1 << 7: SPAM}
_HEX = re.compile(r"[0-9A-Fa-f]{1,8}")


def filed_as(mail: Message) -> str:
    """Say in a word or two why the mail program does not hold a mail for received, or return "".

    The program's own header stands above those that came with the mail, so the first one counts.
    """
    for name in _LABEL_HEADERS:
        for label in decode_header_value(header(mail, name)).split(","):
            bare = _FOLDER_PREFIX.sub("", label.strip(' "'), count=1)
            if kind := _FILED_AS.get(fold(bare)):
                return kind
    for flag in f"{header(mail, 'X-Status')}{header(mail, 'Status')}".upper():
        if flag in _STATUS_FLAGS:
            return _STATUS_FLAGS[flag]
    if _number(header(mail, "X-Mozilla-Status")) & _MOZILLA_EXPUNGED:
        return DELETED
    flags = _number(header(mail, "X-Evolution").rpartition("-")[2])
    return next((kind for flag, kind in _EVOLUTION_FLAGS.items() if flags & flag), "")


def _number(value: str) -> int:
    return int(value.strip(), 16) if _HEX.fullmatch(value.strip()) else 0
