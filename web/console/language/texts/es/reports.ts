import type { Translation } from "../../texts";
import type { reports as english } from "../en/reports";

export const reports = {
  "rating.title": "Valoración",
  "rating.score": "{score, number} de 5",
  "rating.given": "{name} valoró la conversación con {score, number} de 5",

  "command.reports": "Informes: conversaciones, tiempos de espera, valoraciones",
  "reports.open": "Abrir los informes",
  "reports.title": "Informes",
  "reports.from": "Desde",
  "reports.to": "Hasta",
  "reports.by": "Filas",
  "reports.day": "Día",
  "reports.agent": "Agente",
  "reports.tag": "Etiqueta",
  "reports.show": "Mostrar",
  "reports.loading": "Se está preparando el informe",
  "reports.loaded":
    "{count, plural, one {# conversación} many {# conversaciones} other {# conversaciones}}",
  "reports.openHours": "Contar solo el horario de apertura",
  "reports.conversations": "Conversaciones",
  "reports.unanswered": "Sin responder",
  "reports.firstAnswer": "Primera respuesta",
  "reports.firstAnswerMedian": "Primera respuesta, mediana",
  "reports.firstAnswerP90": "Primera respuesta, 90 %",
  "reports.wholeMedian": "Duración total, mediana",
  "reports.wholeP90": "Duración total, 90 %",
  "reports.rating": "Valoración",
  "reports.average": "{average} ({count, number})",
  "reports.none": "–",
  "reports.fromCustomers": "Mensajes de clientes",
  "reports.fromAgents": "Mensajes de agentes",
  "reports.total": "Total",
  "reports.nobody": "Nadie o desconocido",
  "reports.noTag": "Sin etiqueta",
  "reports.table": "Cifras",
  "reports.download": "Descargar como CSV",
  "reports.hint":
    "Los días empiezan en la zona horaria {zone}. Una conversación cuenta el día de su primer mensaje y para el agente que respondió primero. La mitad de los tiempos no supera la mediana, el 90 % no supera el otro valor. El spam no cuenta.",
} satisfies Translation<typeof english>;
