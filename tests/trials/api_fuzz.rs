//! P12 over HTTP: calls made from the API's own description, and every number at its limits.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use shoptalk::protocol;
use url::Url;

use crate::common::{Response, Rest, Value, json, new_id};
use crate::fixtures::{self, Room};
use crate::mutation::{self, PIECES, pick};
use crate::process::{Process, Setup};
use crate::report::{Form, Line};

/// Values that are never a valid number.
const NO_NUMBERS: &[&str] = &[
    "-1",
    "-9223372036854775809",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1.5",
    "NaN",
    "x",
    "null",
    "0x10",
    "１",
];

/// A call as the API describes it.
struct Call {
    method: Method,
    path: String,
    about: Value,
}

/// The description of a running server.
struct Api {
    calls: Vec<Call>,
    schemas: Value,
}

impl Api {
    async fn of(rest: &Rest) -> Result<Self> {
        let mut document = rest.get("/api/openapi.json").await.is(200);
        let mut calls = Vec::new();
        for (path, methods) in document["paths"].as_object().context("no paths")? {
            for (method, about) in methods.as_object().context("no methods")? {
                calls.push(Call {
                    method: method.to_uppercase().parse()?,
                    path: path.clone(),
                    about: about.clone(),
                });
            }
        }
        ensure!(calls.len() >= 20, "only {} calls", calls.len());
        Ok(Self {
            calls,
            schemas: document["components"]["schemas"].take(),
        })
    }

    /// A schema, or the one that it refers to.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(name) => &self.schemas[name.rsplit('/').next().unwrap_or(name)],
            None => schema,
        }
    }

    /// A value that fits the schema, and sometimes one that does not.
    fn value(&self, schema: &Value, random: &mut StdRng) -> Value {
        if random.random_range(0..8) == 0 {
            return strange(random);
        }
        let schema = self.resolved(schema);
        if let Some(one) = schema["oneOf"].as_array() {
            return self.value(&one[random.random_range(0..one.len())], random);
        }
        if let Some(one) = schema["enum"].as_array() {
            return one[random.random_range(0..one.len())].clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => &kinds[random.random_range(0..kinds.len())],
            kind => kind,
        };
        match kind.as_str() {
            Some("string") if schema["format"] == "uuid" => json!(new_id()),
            Some("string") => json!(mutation::mutate("Is it blue? 🫖", PIECES, random)),
            Some("integer") => json!(random.random_range(-2..300)),
            Some("boolean") => json!(random.random::<bool>()),
            Some("null") => Value::Null,
            Some("object") => {
                let mut object = serde_json::Map::new();
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    let required = schema["required"]
                        .as_array()
                        .is_some_and(|required| required.contains(&json!(name)));
                    // Sometimes a required field is left out.
                    if random.random_range(0..8) < if required { 7 } else { 3 } {
                        object.insert(name.clone(), self.value(property, random));
                    }
                }
                Value::Object(object)
            }
            _ => strange(random),
        }
    }
}

impl Call {
    fn parameters(&self, place: &str) -> impl Iterator<Item = (&str, &Value)> {
        let all = self.about["parameters"].as_array().into_iter().flatten();
        all.filter(move |one| one["in"] == place)
            .filter_map(|one| Some((one["name"].as_str()?, &one["schema"])))
    }

    /// Whether the description knows this status.
    fn knows(&self, status: u16) -> bool {
        self.about["responses"].get(status.to_string()).is_some()
    }

    /// The path with this in the place of the id.
    fn at(&self, id: &str) -> Result<Url> {
        let mut url = Url::parse("http://shop/")?;
        let mut segments = url
            .path_segments_mut()
            .map_err(|()| anyhow::anyhow!("no path"))?;
        segments.clear();
        for segment in self.path.split('/').skip(1) {
            segments.push(if segment == "{id}" { id } else { segment });
        }
        drop(segments);
        Ok(url)
    }
}

/// Path and query of the request.
fn asked(url: &Url) -> &str {
    &url[url::Position::BeforePath..]
}

fn strange(random: &mut StdRng) -> Value {
    match random.random_range(0..8) {
        0 => Value::Null,
        1 => json!([[[["deep"]]]]),
        2 => json!({"type": {"type": "post"}}),
        3 => json!(u64::MAX),
        4 => json!(-1.5e300),
        5 => json!("long ".repeat(random.random_range(0..30_000))),
        _ => json!(pick(PIECES, random)),
    }
}

/// The callers: a visitor, an agent, and nobody.
struct Callers {
    nobody: Rest,
    agent: Rest,
    room: Room,
}

impl Callers {
    async fn of(server: &Process) -> Result<Self> {
        let nobody = server.rest();
        Ok(Self {
            agent: nobody.bearer(&fixtures::sign_in(server).await?),
            room: Room::open(&nobody).await?,
            nobody,
        })
    }

    /// Whether a call has signed nobody out.
    async fn are_signed_in(&self) -> bool {
        let visitor = self.nobody.bearer(&self.room.token);
        self.agent.get("/api/admin/me/").await.status == 200
            && visitor.get("/api/chat/rooms/").await.status == 200
    }

    /// A caller who may make this call, by its description.
    fn whose(&self, call: &Call) -> Rest {
        let may = |scheme: &str| {
            let schemes = call.about["security"].as_array().into_iter().flatten();
            schemes.into_iter().any(|one| one.get(scheme).is_some())
        };
        if may("agent") {
            self.agent.clone()
        } else if may("visitor") {
            self.nobody.bearer(&self.room.token)
        } else {
            self.nobody.clone()
        }
    }
}

/// Whether a refusal is a problem document with a reason.
fn is_in_words(response: &Response) -> Result<()> {
    let problem: Value = serde_json::from_str(&response.text).context("a refusal without JSON")?;
    ensure!(
        response.header("content-type") == "application/problem+json"
            && problem["detail"]
                .as_str()
                .is_some_and(|output| !output.is_empty())
            && problem["code"] != "internal",
        "{problem}"
    );
    Ok(())
}

/// Each number of the description and of the sockets, at its limits and past them.
pub(crate) async fn numbers(_: Form, line: Line) -> Result<()> {
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let callers = Callers::of(&server).await?;
    callers.room.post(&callers.nobody, "Is it blue?").await?;
    let api = Api::of(&callers.nobody).await?;
    let (mut numbers, mut taken, mut refused) = (BTreeSet::new(), 0, 0);
    for call in api.calls.iter().filter(|call| call.method == Method::GET) {
        for (name, schema) in call.parameters("query") {
            if schema["type"] != "integer" {
                continue;
            }
            numbers.insert(format!("{} {name}", call.path));
            let (good, bad) = limits(schema)?;
            let values = good.iter().map(|value| (value, true));
            for (value, is_good) in values.chain(bad.iter().map(|value| (value, false))) {
                let mut url = call.at(&callers.room.id.to_string())?;
                url.query_pairs_mut().append_pair(name, value);
                let response = callers.whose(call).get(asked(&url)).await;
                ensure!(
                    response.status == if is_good { 200 } else { 400 },
                    "{url} answered {}: {}",
                    response.status,
                    response.text
                );
                if is_good {
                    taken += 1;
                } else {
                    response.invalid(name);
                    refused += 1;
                }
            }
        }
    }
    server.kill().await?;
    setup.log()?;
    let on_sockets = frame_numbers(&mut taken, &mut refused)?;
    line.figure(
        &format!(
            "{} numeric parameters of calls, {on_sockets} of frames",
            numbers.len()
        ),
        format!("{taken} values at their limits accepted, {refused} beyond them refused by name"),
        "each accepted or refused as documented",
        !numbers.is_empty(),
    )
}

/// What is just good and what is not, of a schema's number.
fn limits(schema: &Value) -> Result<(Vec<String>, Vec<String>)> {
    let least = schema["minimum"]
        .as_i64()
        .context("a number without a minimum")?;
    let most = schema["maximum"].as_i64();
    let good = vec![least.to_string(), most.unwrap_or(i64::MAX).to_string()];
    let mut bad: Vec<String> = NO_NUMBERS.iter().map(|&value| value.to_owned()).collect();
    bad.push((least - 1).to_string());
    bad.extend(most.map(|most| (most + 1).to_string()));
    Ok((good, bad))
}

/// The same for frames, in the decoders. Returns how many numbers there are.
fn frame_numbers(taken: &mut usize, refused: &mut usize) -> Result<usize> {
    const SEQ: (i64, i64) = (0, i64::MAX);
    const ROOM: &str = r#""room_id":"01890a5d-ac96-774b-bcce-b302099a8057""#;
    type Decode = fn(&str) -> Result<(), protocol::FrameError>;
    let visitor: Decode = |frame| protocol::decode_visitor_frame(frame).map(|_| ());
    let agent: Decode = |frame| protocol::decode_agent_frame(frame).map(|_| ());
    let hello: Decode = |frame| protocol::decode_visitor_hello(frame).map(|_| ());
    let numbers: [(Decode, String, &str, (i64, i64)); 9] = [
        (
            hello,
            r#"{"type":"hello","token":"t","after":@}"#.to_owned(),
            "after",
            SEQ,
        ),
        (
            hello,
            r#"{"type":"hello","token":"t","tail":@}"#.to_owned(),
            "tail",
            (0, 200),
        ),
        (visitor, r#"{"type":"read","seq":@}"#.to_owned(), "seq", SEQ),
        (
            visitor,
            r#"{"type":"history","before":@}"#.to_owned(),
            "before",
            SEQ,
        ),
        (
            visitor,
            r#"{"type":"history","before":1,"limit":@}"#.to_owned(),
            "limit",
            (1, 200),
        ),
        (
            agent,
            format!(r#"{{"type":"join",{ROOM},"after":@}}"#),
            "after",
            SEQ,
        ),
        (
            agent,
            format!(r#"{{"type":"join",{ROOM},"tail":@}}"#),
            "tail",
            (0, 200),
        ),
        (
            agent,
            format!(r#"{{"type":"read",{ROOM},"seq":@}}"#),
            "seq",
            SEQ,
        ),
        (
            agent,
            format!(r#"{{"type":"history",{ROOM},"before":1,"limit":@}}"#),
            "limit",
            (1, 200),
        ),
    ];
    for (decode, frame, name, (least, most)) in &numbers {
        for good in [least, most] {
            let frame = frame.replace('@', &good.to_string());
            if let Err(error) = decode(&frame) {
                bail!("{frame} was refused: {}", error.message);
            }
            *taken += 1;
        }
        let mut bad: Vec<String> = ["-1", "1.5", "18446744073709551616", "\"1\"", "[]", "true"]
            .map(str::to_owned)
            .to_vec();
        bad.push((i128::from(*most) + 1).to_string());
        bad.push((i128::from(*least) - 1).to_string());
        for bad in bad {
            let frame = frame.replace('@', &bad);
            let Err(error) = decode(&frame) else {
                bail!("{frame} was taken");
            };
            ensure!(error.message.contains(name), "{frame}: {}", error.message);
            *refused += 1;
        }
    }
    Ok(numbers.len())
}

/// Calls with values as described, changed at random, by callers with and without access.
pub(crate) async fn random(form: Form, line: Line) -> Result<()> {
    let calls = form.pick(1_500, 20_000);
    let mut random = StdRng::seed_from_u64(form.seed);
    let mut setup = Setup::new();
    let mut server = setup.serve().await?;
    setup.add_agent().await?;
    let mut callers = Callers::of(&server).await?;
    let api = Api::of(&callers.nobody).await?;
    let memory = server.resident()?;
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..calls {
        let call = &api.calls[random.random_range(0..api.calls.len())];
        let request = request(&api, call, &callers, &mut random)?;
        let response = Response::to(request).await;
        let output = || {
            format!(
                "{} {}: {} {}",
                call.method, call.path, response.status, response.text
            )
        };
        ensure!(call.knows(response.status), "not described: {}", output());
        if response.status < 400 {
            taken += 1;
        } else {
            ensure!(response.status < 500, "{}", output());
            is_in_words(&response).with_context(output)?;
            refused += 1;
        }
        let may_be_out = response.status == 401 || call.path.ends_with("/logout");
        if may_be_out && !callers.are_signed_in().await {
            callers = Callers::of(&server).await?;
        }
    }
    let grown = server.resident()?.saturating_sub(memory) >> 20;
    callers.nobody.get("/readyz").await.is(200);
    server.kill().await?;
    setup.log()?;
    line.figure(
        &format!("{calls} calls from the OpenAPI document"),
        format!(
            "0 panics; {taken} accepted, {refused} refused with an error; memory + {grown} MiB"
        ),
        "0 panics, 0 5xx, memory + ≤ 64 MiB (in the long form)",
        taken > 0 && refused > 0 && (!form.long || grown < 64),
    )
}

/// One call with random values.
fn request(
    api: &Api,
    call: &Call,
    callers: &Callers,
    random: &mut StdRng,
) -> Result<reqwest::RequestBuilder> {
    let own = callers.room.id.to_string();
    let id = match random.random_range(0..8) {
        0 => new_id().to_string(),
        1 => mutation::mutate(&own, PIECES, random),
        _ => own.clone(),
    };
    let mut url = call.at(&id)?;
    if url.path().split('/').count() != call.path.split('/').count() || url.path().ends_with('/') {
        // Without an id, the path is that of another call.
        url = call.at(&own)?;
    }
    for (name, schema) in call.parameters("query") {
        if random.random_range(0..3) == 0 {
            let value = match api.value(schema, random) {
                Value::String(text) => text.chars().take(1_000).collect(),
                value => value.to_string().chars().take(1_000).collect::<String>(),
            };
            url.query_pairs_mut().append_pair(name, &value);
        }
    }
    let who = match random.random_range(0..8) {
        0 => callers.nobody.clone(),
        1 => callers.nobody.bearer(&callers.room.token),
        _ => callers.whose(call),
    };
    let mut request = who.request(call.method.clone(), asked(&url));
    let schema = &call.about["requestBody"]["content"]["application/json"]["schema"];
    if !schema.is_null() {
        let mut body = api.value(schema, random).to_string();
        if random.random_range(0..4) == 0 {
            body = mutation::mutate(&body, PIECES, random);
        }
        let mut body = body.into_bytes();
        if random.random_range(0..20) == 0 {
            let at = random.random_range(0..=body.len());
            body.insert(at, random.random());
        }
        let kind = match random.random_range(0..20) {
            0 => "text/plain",
            1 => "application/json; charset=utf-16",
            _ => "application/json",
        };
        request = request.header("content-type", kind).body(body);
    }
    Ok(request)
}
