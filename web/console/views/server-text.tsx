/** A sentence of the server, which is in English in every language of the console. */
export const ServerText = ({ text }: { text: string }) => <bdi lang="en">{text}</bdi>;
