import type { Labels, MoreTexts, Texts } from "./en";

export const texts = {
  hello: "كيف نساعدك؟",
  yourName: "الاسم",
  yourEmail: "البريد",
  yourPhone: "الهاتف (اختياري)",
  startChat: "ابدأ الدردشة",
  yourMessage: "رسالة",
  send: "إرسال",
  end: "إنهاء المحادثة",
  beginNew: "محادثة جديدة",
  earlier: "محادثات سابقة",
  back: "رجوع",
  minimize: "تصغير",
  here: "نحن هنا",
  away: "اترك رسالة وسنجيبك",
  isTyping: "{} يكتب…",
  edit: "تعديل",
  redacted: "أزيلت",
  newer: "رسائل جديدة",
  signIn: "انتهت جلستك. أعد التحميل",
  failed: "حاول ثانية",
} satisfies Texts;

export const labels = {
  closed: "انتهت المحادثة",
  reopened: "أعيد فتح المحادثة",
  connected: "متصل مباشرة",
  "catching-up": "تحديث",
  offline: "غير متصل. سترسل لاحقًا",
  sending: "إرسال",
  sent: "أرسلت",
  read: "قرئت",
} satisfies Labels;

export const moreTexts = {
  backAt: "سنعود {day} الساعة {time}",
  onWeekday: "يوم {}",
  onDate: "في {}",
  mailIt: "إرسال بالبريد الإلكتروني",
  mailed: "الرسالة في الطريق إليك",
  toWhom: "إلى أي عنوان؟",
  unanswered: "يمكنك استلامها بالبريد بعد أن نجيب",
  often: "أُرسلت إليك عدة مرات اليوم. حاول غدًا",
  quote: "النص المقتبس",
  rate: "كيف كانت هذه المحادثة؟",
  score: "{} من 5",
  comment: "تعليق (اختياري)",
  sendComment: "إرسال التعليق",
  thanks: "شكرًا على تقييمك",
  ratingIsFinal: "لم يعد من الممكن تغيير هذا التقييم",
} satisfies MoreTexts;
