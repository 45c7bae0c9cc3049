import type { Translation } from "../../texts";
import type { replies as english } from "../en/replies";

export const replies = {
  "composer.unfilled": "Complétez {place} avant d’envoyer.",
  "replies.title": "Réponses types",
  "replies.hint":
    "En écrivant, tapez / et quelques lettres, puis choisissez avec les flèches et Entrée. Rien ne part avant que vous l’envoyiez.",
  "replies.none": "Il n’y en a pas encore.",
  "replies.shortcut": "Raccourci",
  "replies.shortcutHint": "Un mot, tapé après une barre oblique.",
  "replies.name": "Titre",
  "replies.nameHint": "De quoi il s’agit ; seuls les agents le voient.",
  "replies.content": "Texte",
  "replies.places": "Ces éléments sont remplis à l’insertion : {places}",
  "replies.shared": "Pour tous",
  "replies.own": "Pour vous",
  "replies.share": "Pour tous les agents",
  "replies.actions": "Actions",
  "replies.edit": "Modifier",
  "replies.editOf": "Modifier /{shortcut}",
  "replies.delete": "Supprimer",
  "replies.deleteOf": "Supprimer /{shortcut}",
  "replies.deleteQuestion": "Supprimer /{shortcut} ?",
  "replies.deleted": "/{shortcut} est supprimée.",
  "replies.new": "Nouvelle réponse type",
  "replies.change": "Modifier /{shortcut}",
  "replies.save": "Enregistrer la réponse",
  "replies.saved": "/{shortcut} est enregistrée.",
  "replies.cancel": "Annuler",
  "replies.file": "Fichier CSV",
  "replies.fileHint": "Un tableau avec les colonnes shortcut, title, content et shared.",
  "replies.export": "Exporter en CSV",
  "replies.import": "Importer un CSV",
  "replies.imported":
    "{count, plural, one {# réponse a été ajoutée.} other {# réponses ont été ajoutées.}}",
  "replies.refused": "Ligne {line, number}, /{shortcut} : {reason}",
  "replies.noCsv":
    "Ce n’est pas un fichier CSV avec les colonnes shortcut et content sur la première ligne. Rien n’a été ajouté.",
  "command.replies": "Réponses types",
} satisfies Translation<typeof english>;
