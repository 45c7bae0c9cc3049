import "./style.css";

document.body.textContent = "Console";
