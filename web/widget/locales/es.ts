import type { Labels, MoreTexts, Texts } from "./en";

export const texts = {
  hello: "¡Hola! ¿En qué podemos ayudarle?",
  yourName: "Nombre",
  yourEmail: "Correo electrónico",
  yourPhone: "Teléfono (opcional)",
  startChat: "Iniciar chat",
  yourMessage: "Mensaje",
  send: "Enviar",
  end: "Terminar la conversación",
  beginNew: "Nueva conversación",
  earlier: "Conversaciones anteriores",
  back: "Volver",
  minimize: "Minimizar",
  here: "Estamos en línea",
  away: "Deje un mensaje, responderemos aquí",
  isTyping: "{} escribe…",
  edit: "Editar",
  redacted: "Mensaje eliminado",
  newer: "Mensajes nuevos",
  signIn: "Su sesión ha caducado. Recargue la página",
  failed: "No ha funcionado. Reinténtelo",
} satisfies Texts;

export const labels = {
  closed: "Conversación terminada",
  reopened: "Conversación reabierta",
  connected: "Conectado en tiempo real",
  "catching-up": "Actualizando",
  offline: "Sin conexión. Se enviarán después",
  sending: "Enviando",
  sent: "Enviado",
  read: "Leído",
} satisfies Labels;

export const moreTexts = {
  backAt: "Volvemos {day} a las {time}",
  onWeekday: "el {}",
  onDate: "el {}",
  mailIt: "Enviar por correo",
  mailed: "El correo está en camino",
  toWhom: "¿A qué dirección?",
  unanswered: "Podrá recibirlo por correo cuando hayamos respondido",
  often: "Hoy ya lo ha recibido varias veces. Inténtelo mañana",
  quote: "Texto citado",
  rate: "¿Qué le ha parecido esta conversación?",
  score: "{} de 5",
  comment: "Comentario (opcional)",
  sendComment: "Enviar comentario",
  thanks: "Gracias por su valoración",
  ratingIsFinal: "Esta valoración ya no se puede cambiar",
} satisfies MoreTexts;
