import type { Translation } from "../../texts";
import type { mail as english } from "../en/mail";

export const mail = {
  "mail.title": "رسائل بريد بلا محادثة",
  "mail.hint": "ما وصل بالبريد ولم يصبح رسالة في محادثة، مع السبب. يُحفظ 30 يومًا.",
  "mail.none": "لا يوجد شيء.",
  "mail.noSender": "بلا مرسل",
  "mail.open": "فتح المحادثة",
  "mail.undeliverable": "البريد إلى هذا العنوان لا يصل، لذلك لا يُرسل إليه شيء: {reason}",
  "settings.openMail": "فتح رسائل بريد بلا محادثة",
  "mail.reason.too_large": "حجمها كبير جدًا.",
  "mail.reason.unreadable": "لا يمكن قراءتها.",
  "mail.reason.automatic": "أرسلها برنامج: رد تلقائي أو قائمة بريدية.",
  "mail.reason.own_mail": "أرسلها هذا الخادم.",
  "mail.reason.delivery_report": "تفيد بأن رسالة بريد لم تصل.",
  "mail.reason.no_reply_address": "لم تُرسل إلى أي عنوان رد.",
  "mail.reason.forged": "عنوان الرد فيها ليس من هذا الخادم.",
  "mail.reason.no_sender": "ليس لها مرسل، أو لها أكثر من مرسل.",
  "mail.reason.foreign_sender": "ليست من العنوان الذي راسلناه.",
  "mail.reason.no_room": "لم تعد المحادثة موجودة.",
  "mail.reason.blocked": "العميل محظور.",
  "mail.reason.empty": "لا نص فيها.",
  "command.mail": "رسائل بريد بلا محادثة",
  "bounced.title": "عناوين لا يصل إليها البريد",
  "bounced.hint":
    "لا يُرسل شيء إلى هذه العناوين لأن خادم بريد رفضها. اسمح بأحدها من جديد عندما تعرف أنه يعمل.",
  "bounced.none": "لا يوجد شيء.",
  "bounced.newest": "هذه أحدث {count, number}.",
  "bounced.since": "منذ {time}",
  "bounced.allow": "السماح من جديد",
  "bounced.allowOf": "السماح من جديد: {address}",
  "settings.openBounced": "فتح عناوين لا يصل إليها البريد",
} satisfies Translation<typeof english>;
