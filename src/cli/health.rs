use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::http::Request;
use shoptalk::config::Config;
use shoptalk::https_client::{HttpsClient, Trust};

use super::{Failure, block_on, print_stdout};

/// How long a check may take in all. A container kills one that takes too long, without a reason.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The request, and where to send it.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    url: String,
    /// Where to connect instead of the URL's host.
    connect_to: Option<SocketAddr>,
    /// The certificate of this machine's own server is for the name that browsers use, and an
    /// expired one is no reason to restart the server.
    trusts_anyone: bool,
}

/// Asks a server whether it is ready: the one at `url`, or the one of the configuration.
pub(super) fn run(url: Option<&str>, config: &Config) -> Result<(), Failure> {
    let question = match url {
        Some(url) => Question {
            url: readyz(url)?,
            connect_to: None,
            trusts_anyone: false,
        },
        None => own(config)?,
    };
    block_on(async {
        match tokio::time::timeout(TIMEOUT, ask(&question)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Runtime(format!(
                "{} did not respond within {TIMEOUT:?}",
                question.url
            ))),
        }
    })
}

async fn ask(question: &Question) -> Result<(), Failure> {
    let trust = match question.trusts_anyone {
        true => Trust::Anyone,
        false => Trust::Authorities,
    };
    let client = tokio::task::spawn_blocking(move || HttpsClient::new(trust)).await?;
    let request = Request::get(&question.url).body(String::new())?;
    let response = client.send(request, question.connect_to).await?;
    if response.status() == 200 {
        return Ok(print_stdout("ready\n")?);
    }
    Err(Failure::Runtime(format!(
        "{} responded {}: {}",
        question.url,
        response.status(),
        words(response.body())
    )))
}

/// The detail of a problem document, or the whole body of another response.
fn words(body: &[u8]) -> String {
    let problem = serde_json::from_slice::<serde_json::Value>(body).ok();
    let detail = problem.and_then(|problem| Some(problem.get("detail")?.as_str()?.to_owned()));
    detail.unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body);
        let line = text.lines().next().unwrap_or_default();
        line.chars().take(200).collect()
    })
}

/// The URL of the check, from the URL of a server or of the check itself.
fn readyz(text: &str) -> Result<String, Failure> {
    let unusable = || {
        Failure::Usage(format!(
            "'{text}' is not the URL of a server, such as https://chat.example.com"
        ))
    };
    let mut url: url::Url = text.parse().map_err(|_| unusable())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(unusable());
    }
    if url.path() == "/" {
        url.set_path("/readyz");
    }
    Ok(url.into())
}

/// The server of this configuration, on this machine.
fn own(config: &Config) -> Result<Question, Failure> {
    let server = &config.server;
    let listen = server.listen;
    if listen.port() == 0 {
        return Err(Failure::Usage(
            "server.listen has port 0, so the port of the running server is unknown; give the URL: shoptalk health URL"
                .to_owned(),
        ));
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listen.port());
    let scheme = if server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    Ok(Question {
        url: format!("{scheme}://{address}/readyz"),
        connect_to: Some(address),
        trusts_anyone: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str) -> Config {
        let mut config = Config::default();
        config.server.listen = listen.parse().expect("an address");
        config
    }

    #[test]
    fn the_server_of_the_configuration_is_asked_on_loopback() {
        for (listen, url) in [
            ("127.0.0.1:8001", "http://127.0.0.1:8001/readyz"),
            ("0.0.0.0:80", "http://127.0.0.1:80/readyz"),
            ("[::]:8001", "http://[::1]:8001/readyz"),
            ("192.0.2.1:8001", "http://192.0.2.1:8001/readyz"),
        ] {
            let question = own(&config(listen)).ok().expect("a question");
            assert_eq!(question.url, url);
        }
        assert!(own(&config("127.0.0.1:0")).is_err());
    }

    #[test]
    fn a_url_may_have_a_path_of_its_own() {
        for (text, url) in [
            (
                "https://chat.example.com",
                "https://chat.example.com/readyz",
            ),
            ("http://[::1]:8001/", "http://[::1]:8001/readyz"),
            ("https://a.example/x/readyz", "https://a.example/x/readyz"),
        ] {
            assert_eq!(readyz(text).ok().as_deref(), Some(url));
        }
        for text in ["", "chat.example.com", "ftp://a.example", "/readyz"] {
            assert!(readyz(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_problem() {
        assert_eq!(
            words(br#"{"detail":"the disk is full"}"#),
            "the disk is full"
        );
        assert_eq!(words(b"Bad Gateway\nmore"), "Bad Gateway");
    }
}
