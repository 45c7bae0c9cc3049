import type { Translation } from "../../texts";
import type { shell as english } from "../en/shell";

export const shell = {
  "signIn.title": "Se connecter à Shoptalk",
  "signIn.username": "Nom d’utilisateur",
  "signIn.password": "Mot de passe",
  "signIn.submit": "Se connecter",
  "signIn.wrong": "Nom d’utilisateur ou mot de passe incorrect.",
  "setup.title": "Bienvenue dans Shoptalk",
  "setup.hint": "Créez le premier compte. Il pourra en ajouter d’autres.",
  "setup.passwordHint": "8 caractères au minimum.",
  "setup.again": "Répétez pour confirmer",
  "setup.notSame": "Les deux mots de passe sont différents.",
  "setup.submit": "Créer le compte",
  "setup.used":
    "Ce lien a déjà servi ou a expiré. Redémarrez le serveur pour en obtenir un autre, ou exécutez-y « {command} ».",

  "bar.title": "Shoptalk",
  "bar.skip": "Aller à la réponse",
  "bar.commands": "Commandes (Ctrl+K)",
  "bar.agents": "Agents",
  "bar.keys": "Raccourcis clavier",
  "bar.settings": "Paramètres",
  "bar.signOut": "Se déconnecter",
  "dialog.close": "Fermer la fenêtre",
  "confirm.cancel": "Annuler",
  "title.waiting": "({count, number}) Shoptalk",

  "status.connected": "Connecté en temps réel",
  "status.catching-up": "Mise à jour",
  "status.offline":
    "Hors ligne. {count, plural, =0 {Les messages non envoyés sont conservés et partiront} one {# message non envoyé est conservé et partira} other {# messages non envoyés sont conservés et partiront}} au retour du serveur",
  "status.unhealthy": "{state}, mais le serveur ne fonctionne pas : {problem}",
  "health.silent": "il ne répond pas",
  "health.status": "il répond par {status}",
  "banner.tryAgain": "Réessayer",
  "banner.restarting": "Le serveur redémarre.",
  "banner.disk": "Le serveur ne peut pas écrire sur son disque. Il continue d’essayer.",
  "banner.busy": "Le serveur est surchargé. Il continue d’essayer.",
  "stop.tooMany": "Vous avez trop de consoles ouvertes. Fermez-en une, puis réessayez.",
  "stop.notAllowed": "Vous n’avez plus accès à la console. Adressez-vous à un administrateur.",
  "stop.tooOld": "Cette page est trop ancienne pour le serveur. Veuillez la recharger.",
  "session.ended": "Votre session est terminée.",
  "session.endedSignIn": "Votre session est terminée. Veuillez vous reconnecter.",

  "alerts.soundWaits": "Le son s’active à votre premier clic sur cette page",
  "alerts.blocked": "Le navigateur bloque les notifications",
  "alerts.off": "Le son et les notifications sont désactivés",

  "error.unreachable": "Le serveur est injoignable. Rien n’a été modifié. Veuillez réessayer.",
  "error.waitMinutes":
    "Trop de tentatives. Veuillez réessayer dans {minutes, plural, one {# minute} other {# minutes}}.",
  "error.waitSeconds":
    "Trop de tentatives. Veuillez réessayer dans {seconds, plural, one {# seconde} other {# secondes}}.",
  "problem.bad_frame": "Le serveur n’a pas compris ce message. Veuillez recharger la page.",
  "problem.invalid": "Une saisie n’est pas valable : {detail}",
  "problem.unauthorized": "Votre session est terminée. Veuillez vous reconnecter.",
  "problem.bad_credentials": "Le mot de passe est incorrect.",
  "problem.forbidden": "Vous n’en avez pas le droit.",
  "problem.not_found": "Cet élément n’existe pas ou plus.",
  "problem.method_not_allowed":
    "Le serveur ne prend pas cela en charge. Veuillez recharger la page.",
  "problem.conflict": "Ce n’est pas possible en l’état : {detail}",
  "problem.gone": "Cet élément n’existe plus.",
  "problem.too_large": "C’est trop long.",
  "problem.unsupported_media_type":
    "Le serveur ne prend pas cela en charge. Veuillez recharger la page.",
  "problem.rate_limited": "Trop de tentatives. Veuillez patienter un instant.",
  "problem.internal": "Une erreur s’est produite dans le serveur. Son journal en donne la cause.",
  "problem.busy": "Le serveur est surchargé. Veuillez réessayer.",
  "problem.storage_unavailable":
    "Le serveur ne peut pas écrire sur son disque pour le moment. Rien n’a été modifié.",
  "problem.draining": "Le serveur redémarre. Veuillez réessayer.",
} satisfies Translation<typeof english>;
