import type { Said, Words } from "./en";

export const words = {
  hello: "مرحبًا! كيف نساعدك؟",
  yourName: "الاسم",
  yourEmail: "البريد",
  yourPhone: "الهاتف (اختياري)",
  startChat: "ابدأ الدردشة",
  yourMessage: "رسالة",
  sendIt: "إرسال",
  end: "إنهاء المحادثة",
  again: "محادثة جديدة",
  earlier: "محادثات سابقة",
  back: "رجوع",
  minimize: "تصغير",
  here: "نحن هنا",
  away: "اترك رسالة وسنجيبك",
  isTyping: "{} يكتب…",
  edit: "تعديل",
  newer: "رسائل جديدة",
  signIn: "انتهت جلستك. أعد التحميل",
  failed: "لم ينجح. حاول ثانية",
} satisfies Words;

export const said = {
  closed: "انتهت المحادثة",
  reopened: "المحادثة مستمرة",
  connected: "متصل مباشرة",
  "catching-up": "تحديث",
  offline: "غير متصل. سترسل رسائلك لاحقًا",
  sending: "إرسال",
  sent: "أرسلت",
  read: "قرئت",
} satisfies Said;
