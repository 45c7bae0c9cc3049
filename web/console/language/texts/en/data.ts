/** The dialogs Data and Doctor. */
export const data = {
  "data.title": "Data",
  "backup.title": "Backups",
  "backup.postgres":
    "The database is in PostgreSQL, so PostgreSQL's own tools back it up: pg_dump, or pg_basebackup with an archive of the WAL.",
  "backup.now": "Back up now",
  "backup.last": "The last backup was made <b>{ago}</b> <dim>({time}, {size})</dim>",
  "backup.none": "There is no backup yet.",
  "backup.failure": "The attempt since has failed: {reason}",
  "backup.never": "The server makes none by itself: backup.every_ms is 0.",
  "every.days":
    "The server makes one every {count, plural, =1 {day} one {# day} other {# days}} by itself.",
  "every.hours":
    "The server makes one every {count, plural, =1 {hour} one {# hour} other {# hours}} by itself.",
  "every.minutes":
    "The server makes one every {count, plural, =1 {minute} one {# minute} other {# minutes}} by itself.",
  "every.seconds":
    "The server makes one every {count, plural, =1 {second} one {# second} other {# seconds}} by itself.",
  "every.milliseconds": "The server makes one every {count, number} ms by itself.",

  "export.title": "Export",
  "export.hint":
    "Conversations as a file: for a customer who asks for their data, or to move to another server.",
  "export.whose": "Whose conversations",
  "export.all": "Everybody's",
  "export.format": "Format",
  "export.jsonl": "JSON Lines (can be imported)",
  "export.csv": "CSV (for spreadsheets)",
  "export.submit": "Export",
  "person.byEmail": "One person, by email",
  "person.byPhone": "One person, by phone number",
  "person.byUser": "One person, by user id",
  "person.email": "Their email",
  "person.phone": "Their phone number",
  "person.user": "Their user id",
  "person.userHint": "The sub of their signed identity, exactly.",
  "person.hint": "As a conversation has it; case and blanks do not matter.",

  "erase.title": "Erase a person",
  "erase.hint":
    "All their conversations go, also from the search, and nobody can get them back. You see first what would go.",
  "erase.who": "Who",
  "erase.show": "Show what would go",
  "erase.nobody": "Nobody matches, so nothing would be erased. Check the spelling.",
  "erase.would":
    "{rooms, plural, one {# conversation} other {# conversations}} with {messages, plural, one {# message} other {# messages}} would go.",
  "erase.mentions":
    "{count, plural, one {# other conversation mentions their email. It stays as it is:} other {# other conversations mention their email. They stay as they are:}}",
  "erase.mentionsOrMore":
    "{count, plural, one {# other conversation or more mentions their email. It stays as it is:} other {# other conversations or more mention their email. They stay as they are:}}",
  "erase.backupsUntil":
    "{count, plural, one {# backup holds} other {# backups hold}} them, the last one until {time}. The receipt lists them.",
  "erase.backups":
    "{count, plural, one {# backup holds} other {# backups hold}} them, some until you delete the files. The receipt lists them.",
  "erase.type": "To erase them, type {name}",
  "erase.submit": "Erase for good",
  "rewrite.title": "Rewrite the database",
  "rewrite.hint":
    "Nobody can read what was erased, but its bytes may be in the file until that is rewritten. The server does it by itself when the chat is quiet. PostgreSQL overwrites them in its own time.",
  "rewrite.now": "Rewrite now",
  "rewrite.question":
    "No message gets through until it is done: some seconds, or minutes for a large database.",

  "jobs.title": "Last 24 hours",
  "jobs.none": "Nothing was started here.",
  "jobs.cancel": "Cancel",
  "jobs.cancelName": "Cancel: {job}",
  "jobs.download": "Download",
  "jobs.downloadName": "Download: {job}, {time}",
  "job.backup": "Backup",
  "job.export": "Export",
  "job.erase": "Erasure",
  "job.rewrite": "Rewrite",
  "job.done": "{what}",
  "job.running": "{what} running",
  "job.failed": "{what} failed",
  "job.cancelled": "{what} cancelled",
  "job.message": "{job}: {message}",
  "progress.rewrite": "Cannot be cancelled",
  "progress.waiting": "Waiting",
  "progress.verified": "Being verified",
  "progress.percent": "{percent, number} %",
  "progress.decided": "{percent, number} % · Decided, so it cannot be cancelled any more",

  "doctor.title": "Doctor",
  "doctor.found":
    "{count, plural, =0 {No problems found} one {# problem found} other {# problems found}}",
  "doctor.skip": "Skip",
  "doctor.quiet":
    "A socket is kept quiet, {seconds, plural, one {# second} other {# seconds}} left",
  "doctor.widget": "Loading the widget",
  "doctor.seen": "Asking what the server sees",
  "doctor.body": "Sending a large message",
  "doctor.sockets": "Opening sockets",
  "doctor.ok": "OK",
  "doctor.skipped": "Not checked",
  "doctor.problem": "Problem",
} as const;
