import type { Translation } from "../../texts";
import type { data as english } from "../en/data";

export const data = {
  "data.title": "Datos",
  "backup.title": "Copias de seguridad",
  "backup.postgres":
    "La base de datos está en PostgreSQL, así que la copian sus propias herramientas: pg_dump, o pg_basebackup con un archivo del WAL.",
  "backup.now": "Hacer una copia ahora",
  "backup.last": "Última copia de seguridad: <b>{ago}</b> <dim>({time}, {size})</dim>",
  "backup.none": "Todavía no hay ninguna copia de seguridad.",
  "backup.failure": "El intento posterior ha fallado: {reason}",
  "backup.never": "El servidor no hace ninguna por sí mismo: backup.every_ms es 0.",
  "every.days":
    "El servidor hace una por sí mismo {count, plural, one {cada día} other {cada # días}}.",
  "every.hours":
    "El servidor hace una por sí mismo {count, plural, one {cada hora} other {cada # horas}}.",
  "every.minutes":
    "El servidor hace una por sí mismo {count, plural, one {cada minuto} other {cada # minutos}}.",
  "every.seconds":
    "El servidor hace una por sí mismo {count, plural, one {cada segundo} other {cada # segundos}}.",
  "every.milliseconds": "El servidor hace una por sí mismo cada {count, number} ms.",

  "export.title": "Exportación",
  "export.hint":
    "Las conversaciones en un archivo: para un cliente que pide sus datos, o para pasar a otro servidor.",
  "export.whose": "Conversaciones de quién",
  "export.all": "De todos",
  "export.format": "Formato",
  "export.jsonl": "JSON Lines (se puede importar)",
  "export.csv": "CSV (para hojas de cálculo)",
  "export.submit": "Exportar",
  "person.byEmail": "De una persona, por correo",
  "person.byPhone": "De una persona, por teléfono",
  "person.byUser": "De una persona, por identificador",
  "person.email": "Su correo electrónico",
  "person.phone": "Su número de teléfono",
  "person.user": "Su identificador de usuario",
  "person.userHint": "Exactamente el campo sub de su identidad firmada.",
  "person.hint": "Como figura en una conversación; no importan mayúsculas ni espacios.",

  "erase.title": "Borrar a una persona",
  "erase.hint":
    "Desaparecen todas sus conversaciones, también de la búsqueda, y nadie puede recuperarlas. Antes verá qué desaparecería.",
  "erase.who": "Quién",
  "erase.show": "Mostrar qué desaparecería",
  "erase.nobody": "Nadie coincide, así que no se borraría nada. Compruebe la ortografía.",
  "erase.would":
    "Se borrarían {rooms, plural, one {# conversación} other {# conversaciones}} con {messages, plural, one {# mensaje} other {# mensajes}}.",
  "erase.mentions":
    "{count, plural, one {Otra conversación menciona su correo (#). Se queda como está:} other {Otras # conversaciones mencionan su correo. Se quedan como están:}}",
  "erase.mentionsOrMore":
    "{count, plural, one {Al menos otra conversación menciona su correo (#). Se queda como está:} other {Al menos otras # conversaciones mencionan su correo. Se quedan como están:}}",
  "erase.backupsUntil":
    "{count, plural, one {# copia de seguridad las contiene todavía} other {# copias de seguridad las contienen todavía}}, la última hasta el {time}. El recibo las enumera.",
  "erase.backups":
    "{count, plural, one {# copia de seguridad las contiene todavía} other {# copias de seguridad las contienen todavía}}, algunas hasta que usted elimine los archivos. El recibo las enumera.",
  "erase.type": "Para borrar, escriba {name}",
  "erase.submit": "Borrar para siempre",
  "rewrite.title": "Reescribir la base de datos",
  "rewrite.hint":
    "Nadie puede leer lo que se ha borrado, pero sus bytes pueden seguir en el archivo hasta que se reescriba. El servidor lo hace por sí mismo cuando el chat está tranquilo. PostgreSQL los sobrescribe a su ritmo.",
  "rewrite.now": "Reescribir ahora",
  "rewrite.question":
    "No pasa ningún mensaje hasta que termine: unos segundos, o minutos con una base de datos grande.",

  "jobs.title": "Últimas 24 horas",
  "jobs.none": "Aquí no se ha iniciado nada.",
  "jobs.cancel": "Cancelar",
  "jobs.cancelName": "Cancelar: {job}",
  "jobs.download": "Descargar",
  "jobs.downloadName": "Descargar: {job}, {time}",
  "job.backup": "Copia de seguridad",
  "job.export": "Exportación",
  "job.erase": "Borrado",
  "job.rewrite": "Reescritura",
  "job.done": "{what}",
  "job.running": "{what} en curso",
  "job.failed": "{what}: ha fallado",
  "job.cancelled": "{what}: se ha cancelado",
  "job.message": "{job}: {message}",
  "progress.rewrite": "No se puede cancelar",
  "progress.waiting": "En espera",
  "progress.verified": "Comprobándose",
  "progress.percent": "{percent, number} %",
  "progress.decided": "{percent, number} % · Decidido, ya no se puede cancelar",

  "doctor.title": "Diagnóstico",
  "doctor.found":
    "{count, plural, =0 {No se han encontrado problemas} one {# problema encontrado} other {# problemas encontrados}}",
  "doctor.skip": "Omitir",
  "doctor.quiet":
    "Se mantiene una conexión en silencio, {seconds, plural, one {queda # segundo} other {quedan # segundos}}",
  "doctor.widget": "Cargando el widget",
  "doctor.seen": "Preguntando al servidor qué ve",
  "doctor.body": "Enviando un mensaje grande",
  "doctor.sockets": "Abriendo conexiones",
  "check.reach": "Servidor",
  "check.certificate": "Certificado",
  "check.public_url": "URL pública",
  "check.upgrade": "Conexión WebSocket",
  "check.http_version": "Versión de HTTP",
  "check.subprotocol": "Subprotocolo de WebSocket",
  "check.origin": "Origen (Origin)",
  "check.forged_address": "Dirección falsificada",
  "check.client_address": "Dirección del cliente",
  "check.buffering": "Almacenamiento intermedio",
  "check.quiet": "Conexión en silencio",
  "check.widget": "Widget en caché",
  "check.body_size": "Tamaño de las peticiones",
  "check.clock": "Reloj",
  "check.data_directory": "Directorio de datos",
  "check.file_system": "Sistema de archivos",
  "check.fsync": "Escritura en el disco",
  "check.open_files": "Archivos abiertos",
  "check.free_space": "Espacio libre",
  "check.backup": "Copia de seguridad",
  "check.database": "PostgreSQL",
  "check.bus": "NATS",
  "check.mail_relay": "Servidor de salida",
  "check.mailbox": "Buzón",
  "check.cards": "Fichas de la tienda",
  "check.cards_signature": "Firma de las fichas",
  "doctor.ok": "Correcto",
  "doctor.skipped": "Sin comprobar",
  "doctor.problem": "Problema",
} satisfies Translation<typeof english>;
