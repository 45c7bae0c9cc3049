import type { Translation } from "../../texts";
import type { customer as english } from "../en/customer";

export const customer = {
  "suggestion.name": "اقتراح",
  "suggestion.by": "{name} يقترح",
  "suggestion.stale": "كتب العميل بعد ذلك.",
  "suggestion.take": "استخدام",
  "suggestion.dismiss": "تجاهل",
  "profile.name": "عن العميل",
  "profile.firstVisit": "الزيارة الأولى",
  "profile.lastVisit": "آخر زيارة",
  "profile.language": "اللغة",
  "profile.localTime": "الوقت المحلي",
  "profile.attributes": "من المتجر",
  "profile.dropped": "تم تجاهل ما وقّعه المتجر:",
  "profile.pages": "الصفحات",
  "profile.others": "محادثات أخرى",
  "cards.name": "في المتجر",
  "cards.again": "إعادة التحميل",
  "cards.loading": "جارٍ التحميل من المتجر",
  "cards.none": "ليس لدى المتجر شيء عن هذا العميل.",
  "cards.failed": "تعذّر التحميل من المتجر:",
} satisfies Translation<typeof english>;
