import type { Translation } from "../../texts";
import type { notifications as english } from "../en/notifications";

export const notifications = {
  "command.notifications": "Notifications : service et appareils",
  "ring.title": "Notifications",
  "ring.you": "Vous",
  "ring.onDuty": "En service",
  "ring.onDutyHint":
    "Quand un client attend, les appareils de toutes les personnes en service sonnent. Hors service, aucun des vôtres ne sonne.",
  "ring.thisDevice": "Cet appareil",
  "ring.switch": "Faire sonner cet appareil",
  "ring.hint":
    "Il sonne aussi quand la console est fermée, jusqu’à ce que vous vous déconnectiez ici ou que vous n’ayez pas utilisé la console pendant 30 jours.",
  "ring.test": "Faire sonner maintenant",
  "ring.blocked":
    "Le navigateur bloque les notifications de ce site. Autorisez-les dans les réglages du navigateur pour cette page (l’icône à côté de l’adresse), puis rechargez la page.",
  "ring.install":
    "Sur un iPhone ou un iPad, installez d’abord la console : ouvrez le menu Partager de Safari, choisissez « Sur l’écran d’accueil », ouvrez Shoptalk de là et revenez ici.",
  "ring.unsupported":
    "Ce navigateur ne peut pas sonner. Utilisez une version récente de Chrome, Edge, Firefox ou Safari, et ouvrez la console en https.",
  "ring.takenBack": "Le navigateur n’autorise plus les notifications.",
  "ring.browserFailed": "Le navigateur n’a pas pu inscrire l’appareil : {detail}",
  "ring.accepted": "La notification est en route vers cet appareil.",
  "ring.gone": "Le service push ne connaît plus cet appareil. Désactivez-le puis réactivez-le.",
  "ring.refused": "Le service push refuse les messages pour cet appareil : {detail}",
  "ring.failed": "Cet appareil n’a pas pu être joint : {detail}",
  "ring.unknown": "Le serveur ne connaît pas cet appareil. Désactivez-le puis réactivez-le.",
} satisfies Translation<typeof english>;
