import type { Translation } from "../../texts";
import type { shell as english } from "../en/shell";

export const shell = {
  "signIn.title": "Iniciar sesión en Shoptalk",
  "signIn.username": "Nombre de usuario",
  "signIn.password": "Contraseña",
  "signIn.submit": "Iniciar sesión",
  "signIn.wrong": "El nombre de usuario o la contraseña no son correctos.",
  "setup.title": "Bienvenido a Shoptalk",
  "setup.hint": "Cree la primera cuenta. Con ella podrá añadir las demás.",
  "setup.passwordHint": "Al menos 8 caracteres.",
  "setup.again": "Repítala para confirmar",
  "setup.notSame": "Las dos contraseñas no coinciden.",
  "setup.submit": "Crear cuenta",
  "setup.used":
    "Este enlace ya se ha usado o ha caducado. Reinicie el servidor para obtener otro, o ejecute en él «{command}».",

  "bar.title": "Shoptalk",
  "bar.skip": "Ir a la respuesta",
  "bar.commands": "Comandos (Ctrl+K)",
  "bar.agents": "Agentes",
  "bar.keys": "Atajos de teclado",
  "bar.settings": "Ajustes",
  "bar.signOut": "Cerrar sesión",
  "dialog.close": "Cerrar el diálogo",
  "confirm.cancel": "Cancelar",
  "title.waiting": "({count, number}) Shoptalk",

  "status.connected": "Conectado en tiempo real",
  "status.catching-up": "Actualizando",
  "status.offline":
    "Sin conexión. {count, plural, =0 {Los mensajes sin enviar se conservan y se enviarán} one {# mensaje sin enviar se conserva y se enviará} other {# mensajes sin enviar se conservan y se enviarán}} cuando vuelva el servidor",
  "status.unhealthy": "{state}, pero el servidor no funciona: {problem}",
  "health.silent": "no responde",
  "health.status": "responde con {status}",
  "banner.tryAgain": "Reintentar",
  "banner.restarting": "El servidor se está reiniciando.",
  "banner.disk": "El servidor no puede escribir en su disco. Sigue intentándolo.",
  "banner.busy": "El servidor está muy ocupado. Sigue intentándolo.",
  "stop.tooMany": "Tiene demasiadas consolas abiertas. Cierre una y vuelva a intentarlo.",
  "stop.notAllowed": "Ya no tiene permiso para usar la consola. Consulte a un administrador.",
  "stop.tooOld": "Esta página es demasiado antigua para el servidor. Recárguela.",
  "session.ended": "Su sesión ha terminado.",
  "session.endedSignIn": "Su sesión ha terminado. Vuelva a iniciar sesión.",

  "alerts.soundWaits": "El sonido se activa con su primer clic en esta página",
  "alerts.blocked": "El navegador bloquea las notificaciones",
  "alerts.off": "El sonido y las notificaciones están desactivados",

  "error.unreachable":
    "No se puede acceder al servidor. No se ha cambiado nada. Vuelva a intentarlo.",
  "error.waitMinutes":
    "Demasiados intentos. Vuelva a intentarlo dentro de {minutes, plural, one {# minuto} other {# minutos}}.",
  "error.waitSeconds":
    "Demasiados intentos. Vuelva a intentarlo dentro de {seconds, plural, one {# segundo} other {# segundos}}.",
  "problem.bad_frame": "El servidor no ha entendido este mensaje. Recargue la página.",
  "problem.invalid": "Hay un dato no válido: {detail}",
  "problem.unauthorized": "Su sesión ha terminado. Vuelva a iniciar sesión.",
  "problem.bad_credentials": "La contraseña no es correcta.",
  "problem.forbidden": "No tiene permiso para hacerlo.",
  "problem.not_found": "Eso no existe o ya no existe.",
  "problem.method_not_allowed": "El servidor no admite esta acción. Recargue la página.",
  "problem.conflict": "No es posible tal como está: {detail}",
  "problem.gone": "Eso ya no existe.",
  "problem.too_large": "Es demasiado largo.",
  "problem.unsupported_media_type": "El servidor no admite esta acción. Recargue la página.",
  "problem.rate_limited": "Demasiados intentos. Espere un momento.",
  "problem.internal": "Se ha producido un error en el servidor. Su registro indica la causa.",
  "problem.busy": "El servidor está muy ocupado. Vuelva a intentarlo.",
  "problem.storage_unavailable":
    "El servidor no puede escribir en su disco en este momento. No se ha cambiado nada.",
  "problem.draining": "El servidor se está reiniciando. Vuelva a intentarlo.",
} satisfies Translation<typeof english>;
