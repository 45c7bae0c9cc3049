import type { Said, Words } from "./en";

export const words = {
  hello: "¡Hola! ¿En qué podemos ayudarle?",
  yourName: "Nombre",
  yourEmail: "Correo electrónico",
  yourPhone: "Teléfono (opcional)",
  startChat: "Iniciar chat",
  yourMessage: "Mensaje",
  sendIt: "Enviar",
  end: "Terminar la conversación",
  again: "Nueva conversación",
  earlier: "Conversaciones anteriores",
  back: "Volver",
  minimize: "Minimizar",
  here: "Estamos en línea",
  away: "Deje un mensaje, responderemos aquí",
  isTyping: "{} escribe…",
  edit: "Editar",
  newer: "Mensajes nuevos",
  signIn: "Su sesión ha caducado. Recargue la página",
  failed: "No ha funcionado. Reinténtelo",
} satisfies Words;

export const said = {
  closed: "La conversación ha terminado",
  reopened: "La conversación continúa",
  connected: "Conectado en tiempo real",
  "catching-up": "Actualizando",
  offline: "Sin conexión. Sus mensajes se enviarán después",
  sending: "Enviando",
  sent: "Enviado",
  read: "Leído",
} satisfies Said;
