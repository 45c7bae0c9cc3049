//! The page at `/api/docs`: the OpenAPI document for people, without any script.

use std::fmt::Write;

use serde_json::Value;

/// The HTML body of the page: each call with its parameters, body and responses, then the schemas.
pub(super) fn render(document: &Value) -> String {
    let mut html = String::new();
    let _ = write!(
        html,
        "<header><h1>{} <small>{}</small></h1><p>{}</p>\
         <p>As a document: <a href=\"/api/openapi.json\">openapi.json</a></p></header>",
        text(&document["info"]["title"]),
        text(&document["info"]["version"]),
        text(&document["info"]["description"]),
    );
    for tag in array(&document["tags"]) {
        let _ = write!(
            html,
            "<section><h2>{}</h2><p>{}</p>",
            text(&tag["name"]),
            text(&tag["description"])
        );
        for (path, item) in entries(&document["paths"]) {
            for (method, operation) in entries(item) {
                if operation["tags"][0] == tag["name"] {
                    render_operation(&mut html, method, path, operation);
                }
            }
        }
        html.push_str("</section>");
    }
    html.push_str("<section><h2>Shapes</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let _ = write!(
            html,
            "<article id=\"{0}\"><h3>{0}</h3>{1}",
            escape(name),
            paragraph(&schema["description"])
        );
        render_fields(&mut html, schema);
        html.push_str("</article>");
    }
    html.push_str("</section>");
    html
}

fn render_operation(html: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        html,
        "<article><h3><code><b>{}</b> {}</code></h3><p><strong>{}</strong></p>{}",
        escape(&method.to_uppercase()),
        escape(path),
        text(&operation["summary"]),
        paragraph(&operation["description"])
    );
    let parameters = array(&operation["parameters"]);
    if !parameters.is_empty() {
        html.push_str("<table><tbody>");
        for parameter in parameters {
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                type_of(&parameter["schema"]),
                text(&parameter["description"])
            );
        }
        html.push_str("</tbody></table>");
    }
    if let Some(schema) = content_schema(&operation["requestBody"]) {
        let _ = write!(html, "<p>Takes {}</p>", type_of(schema));
    }
    html.push_str("<ul>");
    for (status, response) in entries(&operation["responses"]) {
        let _ = write!(html, "<li><code>{}</code> ", escape(status));
        match content_schema(response) {
            Some(schema) => {
                let _ = write!(
                    html,
                    "{} {}",
                    type_of(schema),
                    text(&response["description"])
                );
            }
            None => html.push_str(&text(&response["description"])),
        }
        html.push_str("</li>");
    }
    html.push_str("</ul></article>");
}

fn render_fields(html: &mut String, schema: &Value) {
    for part in array(&schema["allOf"]) {
        if part["$ref"].is_string() {
            let _ = write!(html, "<p>Everything of {}, and:</p>", type_of(part));
        } else {
            render_fields(html, part);
        }
    }
    let values = array(&schema["enum"]);
    if !values.is_empty() {
        let values = values
            .iter()
            .map(|value| format!("<code>{}</code>", text(value)));
        let _ = write!(html, "<p>{}</p>", values.collect::<Vec<_>>().join(", "));
    }
    let fields = entries(&schema["properties"]);
    if fields.is_empty() {
        return;
    }
    html.push_str("<table><tbody>");
    for (name, field) in fields {
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(name),
            type_of(field),
            text(&field["description"])
        );
    }
    html.push_str("</tbody></table>");
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let parts = array(&schema[choice]);
        if !parts.is_empty() {
            return parts.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    let name = match &schema["type"] {
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        name => text(name),
    };
    if name == "array" {
        return format!("list of {}", type_of(&schema["items"]));
    }
    match schema["format"].as_str() {
        Some(format) => format!("{name} ({})", escape(format)),
        None => name,
    }
}

fn content_schema(holder: &Value) -> Option<&Value> {
    let (_, content) = *entries(&holder["content"]).first()?;
    content.get("schema")
}

fn paragraph(value: &Value) -> String {
    match text(value) {
        html if html.is_empty() => html,
        html => format!("<p>{html}</p>"),
    }
}

pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn entries(value: &Value) -> Vec<(&str, &Value)> {
    value.as_object().map_or_else(Vec::new, |object| {
        object
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    })
}

/// A description as HTML: text with `code` between backticks.
pub(super) fn text(value: &Value) -> String {
    let mut html = String::new();
    for (index, part) in value.as_str().unwrap_or("").split('`').enumerate() {
        // Every second part is between two backticks.
        let _ = match index % 2 {
            0 => write!(html, "{}", escape(part)),
            _ => write!(html, "<code>{}</code>", escape(part)),
        };
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::openapi;

    #[test]
    fn the_page_has_every_call_and_loads_nothing() {
        let document = serde_json::to_value(openapi::document()).expect("plain JSON");
        let page = render(&document);
        for (path, _) in entries(&document["paths"]) {
            assert!(page.contains(&escape(path)), "{path}");
        }
        for forbidden in ["<script", "style=", "http://", "https://"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
