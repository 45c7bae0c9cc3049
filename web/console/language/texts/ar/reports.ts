import type { Translation } from "../../texts";
import type { reports as english } from "../en/reports";

export const reports = {
  "rating.title": "التقييم",
  "rating.score": "{score, number} من 5",
  "rating.given": "قيّم {name} المحادثة بـ {score, number} من 5",

  "command.reports": "التقارير: المحادثات وأوقات الانتظار والتقييمات",
  "reports.open": "فتح التقارير",
  "reports.title": "التقارير",
  "reports.from": "من",
  "reports.to": "إلى",
  "reports.by": "الصفوف",
  "reports.day": "اليوم",
  "reports.agent": "الموظف",
  "reports.tag": "الوسم",
  "reports.show": "عرض",
  "reports.loading": "يجري إعداد التقرير",
  "reports.loaded":
    "{count, plural, zero {لا محادثات} one {محادثة واحدة} two {محادثتان} few {# محادثات} many {# محادثة} other {# محادثة}}",
  "reports.openHours": "احتساب ساعات العمل فقط",
  "reports.conversations": "المحادثات",
  "reports.unanswered": "دون رد",
  "reports.firstAnswer": "الرد الأول",
  "reports.firstAnswerMedian": "الرد الأول، الوسيط",
  "reports.firstAnswerP90": "الرد الأول، 90 %",
  "reports.wholeMedian": "المدة الكلية، الوسيط",
  "reports.wholeP90": "المدة الكلية، 90 %",
  "reports.rating": "التقييم",
  "reports.average": "{average} ({count, number})",
  "reports.none": "–",
  "reports.fromCustomers": "رسائل العملاء",
  "reports.fromAgents": "رسائل الموظفين",
  "reports.total": "المجموع",
  "reports.nobody": "لا أحد أو غير معروف",
  "reports.noTag": "دون وسم",
  "reports.table": "الأرقام",
  "reports.download": "تنزيل بصيغة CSV",
  "reports.hint":
    "تبدأ الأيام حسب المنطقة الزمنية {zone}. تُحتسب المحادثة في يوم رسالتها الأولى ولمن رد أولًا. نصف الأوقات لا يتجاوز الوسيط، و90 % منها لا يتجاوز القيمة الأخرى. لا يُحتسب البريد المزعج.",
} satisfies Translation<typeof english>;
