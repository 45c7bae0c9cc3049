use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::DEADLINE;
use super::described::assert_described;

/// Calls the server over HTTP, with or without a bearer token.
#[derive(Clone)]
pub struct Rest {
    base: String,
    bearer: Option<String>,
    http: reqwest::Client,
}

impl Rest {
    /// A client without credentials.
    pub fn new(addr: SocketAddr) -> Self {
        Self::from_address(addr, None)
    }

    /// The same from another address of this machine. All of 127.0.0.0/8 belongs to it on Linux.
    pub fn from_address(addr: SocketAddr, own: Option<IpAddr>) -> Self {
        let http = reqwest::Client::builder()
            .local_address(own)
            // The server gives a slow write 10 s and then answers.
            .timeout(DEADLINE + Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("an HTTP client");
        Self {
            base: format!("http://{addr}"),
            bearer: None,
            http,
        }
    }

    /// The same with this token.
    pub fn bearer(&self, token: &str) -> Self {
        Self {
            bearer: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// A request that the test completes.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        Response::to(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        Response::to(self.request(Method::POST, path).json(&body)).await
    }

    /// A metric's value, summed over those of its labels that `name` does not give. 0 if it was
    /// never counted.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text;
        text.lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| name.contains('{') || rest.starts_with([' ', '{']))
            })
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(_, value)| value.parse::<f64>().expect("a number"))
            .sum()
    }

    pub async fn delete_with(&self, path: &str, body: Value) -> Response {
        Response::to(self.request(Method::DELETE, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Response {
        Response::to(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Response {
        Response::to(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        Response::to(self.request(Method::DELETE, path)).await
    }
}

/// A response that was read to its end.
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    request: String,
}

impl Response {
    /// Sends a request and reads the whole response.
    pub async fn to(request: RequestBuilder) -> Self {
        Self::try_to(request).await.expect("the server responds")
    }

    /// The same when the server may be gone.
    pub async fn try_to(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let (http, request) = request.build_split();
        let request = request?;
        let request_line = format!("{} {}", request.method(), request.url());
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = http.execute(request).await?;
        assert_described(method.as_str(), &path, response.status().as_u16());
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await?,
            request: request_line,
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("{} did not return JSON: {}", self.request, self.text))
    }

    /// A header's text, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("a header of text"))
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The body, if the status is any 2xx.
    #[track_caller]
    pub fn success(&self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{}: {} {}",
            self.request,
            self.status,
            self.text
        );
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The body of a refusal, which has the shape of a problem.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let request = &self.request;
        assert_eq!(self.status, status, "{request}: {}", self.text);
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{request}"
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{request}: {problem}");
        assert_eq!(problem["status"], status, "{request}: {problem}");
        for field in ["type", "title", "detail"] {
            assert!(
                problem[field].as_str().is_some_and(|text| !text.is_empty()),
                "{request}: {field} in {problem}"
            );
        }
        for error in problem["errors"].as_array().into_iter().flatten() {
            assert!(
                error["field"].is_string() && error["message"].is_string(),
                "{request}: {problem}"
            );
        }
        problem
    }

    /// A refused field: 400 `invalid` that names it.
    #[track_caller]
    pub fn invalid(&self, field: &str) {
        let problem = self.problem(400, "invalid");
        let named = problem["errors"]
            .as_array()
            .is_some_and(|errors| errors.iter().any(|error| error["field"] == field));
        assert!(named, "{}: {field} in {problem}", self.request);
    }
}

/// The names of an object's fields, sorted.
pub fn keys(object: &Value) -> Vec<String> {
    let mut keys: Vec<String> = object
        .as_object()
        .unwrap_or_else(|| panic!("an object, not {object}"))
        .keys()
        .cloned()
        .collect();
    keys.sort();
    keys
}

/// The entries of a list.
#[track_caller]
pub fn results(list: &Value) -> &Vec<Value> {
    assert!(list.get("next").is_some(), "a list has next: {list}");
    list["results"].as_array().expect("a list has results")
}

/// The value of the parameter for the next page.
pub fn next_page(list: &Value) -> Option<String> {
    match &list["next"] {
        Value::Null => None,
        Value::String(next) => Some(next.clone()),
        next => Some(next.to_string()),
    }
}
