import type { Translation } from "../../texts";
import type { notifications as english } from "../en/notifications";

export const notifications = {
  "command.notifications": "الإشعارات: الخدمة والأجهزة",
  "ring.title": "الإشعارات",
  "ring.you": "أنت",
  "ring.onDuty": "في الخدمة",
  "ring.onDutyHint":
    "عندما ينتظر عميل ترن أجهزة كل من هم في الخدمة. خارج الخدمة لا يرن أي من أجهزتك.",
  "ring.thisDevice": "هذا الجهاز",
  "ring.switch": "رنين هذا الجهاز",
  "ring.hint":
    "يرن أيضًا ولوحة المحادثات مغلقة، إلى أن تسجّل الخروج هنا أو يمر 30 يومًا دون استخدامها.",
  "ring.test": "رنين الآن",
  "ring.blocked":
    "يحظر المتصفح إشعارات هذا الموقع. اسمح بها في إعدادات المتصفح لهذه الصفحة (الأيقونة بجانب العنوان)، ثم أعد تحميل الصفحة.",
  "ring.install":
    "على iPhone أو iPad ثبّت لوحة المحادثات أولًا: افتح قائمة المشاركة في Safari، واختر «إضافة إلى الشاشة الرئيسية»، ثم افتح Shoptalk من هناك وعُد إلى هنا.",
  "ring.unsupported":
    "لا يمكن لهذا المتصفح أن يرن. استخدم إصدارًا حديثًا من Chrome أو Edge أو Firefox أو Safari، وافتح الصفحة عبر https.",
  "ring.takenBack": "لم يعد المتصفح يسمح بالإشعارات.",
  "ring.browserFailed": "تعذّر على المتصفح تسجيل الجهاز: {detail}",
  "ring.accepted": "الإشعار في طريقه إلى هذا الجهاز.",
  "ring.gone": "لم تعد خدمة الإشعارات تعرف هذا الجهاز. أوقفه ثم شغّله من جديد.",
  "ring.refused": "ترفض خدمة الإشعارات الرسائل إلى هذا الجهاز: {detail}",
  "ring.failed": "تعذّر الوصول إلى هذا الجهاز: {detail}",
  "ring.unknown": "لا يعرف الخادم هذا الجهاز. أوقفه ثم شغّله من جديد.",
} satisfies Translation<typeof english>;
