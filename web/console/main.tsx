import { render } from "preact";
import "./style.css";
import { showCount } from "./desk/alerts";
import { arrive, counts } from "./desk/desk";
import { App } from "./views/app";

render(<App />, document.body);
showCount(() => counts.value.waiting);
arrive();
