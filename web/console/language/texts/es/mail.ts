import type { Translation } from "../../texts";
import type { mail as english } from "../en/mail";

export const mail = {
  "mail.title": "Correos sin conversación",
  "mail.hint":
    "Lo que llegó por correo y no se convirtió en mensaje, con el motivo. Se guarda 30 días.",
  "mail.none": "No hay ninguno.",
  "mail.noSender": "Sin remitente",
  "mail.open": "Abrir la conversación",
  "mail.undeliverable":
    "El correo a esta dirección no llega, por eso no se envía ninguno: {reason}",
  "settings.openMail": "Abrir Correos sin conversación",
  "mail.reason.too_large": "Es demasiado grande.",
  "mail.reason.unreadable": "No se puede leer.",
  "mail.reason.automatic": "Lo envió un programa: una respuesta automática o una lista.",
  "mail.reason.own_mail": "Lo envió este servidor.",
  "mail.reason.delivery_report": "Avisa de que un correo no llegó.",
  "mail.reason.no_reply_address": "No se envió a ninguna dirección de respuesta.",
  "mail.reason.forged": "Su dirección de respuesta no es de este servidor.",
  "mail.reason.no_sender": "No tiene remitente, o tiene varios.",
  "mail.reason.foreign_sender": "No viene de la dirección a la que se escribió.",
  "mail.reason.no_room": "La conversación ya no existe.",
  "mail.reason.blocked": "El cliente está bloqueado.",
  "mail.reason.empty": "No contiene ningún texto.",
  "command.mail": "Correos sin conversación",
  "bounced.title": "Direcciones a las que no llega el correo",
  "bounced.hint":
    "No se envía nada a estas direcciones, porque un servidor de correo las ha rechazado. Vuelva a permitir una cuando sepa que funciona.",
  "bounced.none": "No hay ninguna.",
  "bounced.newest": "Estas son las {count, number} más recientes.",
  "bounced.since": "desde el {time}",
  "bounced.allow": "Volver a permitir",
  "bounced.allowOf": "Volver a permitir: {address}",
  "settings.openBounced": "Abrir Direcciones a las que no llega el correo",
} satisfies Translation<typeof english>;
