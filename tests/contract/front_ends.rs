//! The files that browsers load: who may load them, for how long they are kept, and in which
//! form they come.

use reqwest::Method;

use crate::common::{Response, TestServer};

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = server.rest().request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Response::to(request).await
}

#[cfg(feature = "front-ends")]
mod built {
    use super::*;

    /// The path of a hashed file that a text names, such as `/assets/chat-1a2b3c4d.js`.
    fn hashed(text: &str, stem: &str, extension: &str) -> String {
        text.match_indices(&format!("assets/{stem}-"))
            .map(|(at, _)| &text[at..])
            .map(|rest| &rest[..rest.find(['"', '\'', '`', ')']).expect("a closed string")])
            .find(|path| path.ends_with(extension))
            .map(|path| format!("/{path}"))
            .unwrap_or_else(|| panic!("no {stem}-….{extension}"))
    }

    #[tokio::test]
    async fn any_shops_page_may_load_the_widget() {
        let server = TestServer::start().await;
        let launcher = get(&server, "/widget.js", &[]).await;
        let app = hashed(&launcher.text, "chat", "js");
        let shop = ("origin", "https://another.example");
        for path in ["/widget.js", &app] {
            let response = get(&server, path, &[shop]).await;
            assert_eq!(response.status, 200, "{path}");
            assert_eq!(
                response.header("access-control-allow-origin"),
                "*",
                "{path}"
            );
            assert_eq!(
                response.header("cross-origin-resource-policy"),
                "cross-origin"
            );
            assert!(
                response
                    .header("content-type")
                    .starts_with("text/javascript"),
                "{path}"
            );
            assert_eq!(response.header("x-content-type-options"), "nosniff");
        }
    }

    #[tokio::test]
    async fn hashed_files_are_cached_forever_and_others_revalidated() {
        let server = TestServer::start().await;
        let launcher = get(&server, "/widget.js", &[]).await;
        assert_eq!(launcher.header("cache-control"), "no-cache");
        let console = get(&server, "/admin/chat", &[]).await;
        assert_eq!(console.header("cache-control"), "no-cache");
        for path in [
            hashed(&launcher.text, "chat", "js"),
            hashed(&console.text, "console", "js"),
            hashed(&console.text, "console", "css"),
        ] {
            let file = get(&server, &path, &[]).await;
            assert_eq!(file.status, 200, "{path}");
            assert_eq!(
                file.header("cache-control"),
                "public, max-age=31536000, immutable",
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn a_page_left_open_over_an_upgrade_gets_the_present_file() {
        let server = TestServer::start().await;
        let launcher = get(&server, "/widget.js", &[]).await;
        let present = get(&server, &hashed(&launcher.text, "chat", "js"), &[]).await;
        let old = get(&server, "/assets/chat-0ldHash0.js", &[]).await;
        assert_eq!(old.status, 200);
        assert_eq!(old.text, present.text);
        assert_eq!(old.header("cache-control"), "no-cache");
        assert_eq!(old.header("access-control-allow-origin"), "*");
        for unknown in ["/assets/nothing-0ldHash0.js", "/assets/chat.js", "/assets/"] {
            get(&server, unknown, &[]).await.problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn an_unchanged_file_costs_no_body() {
        let server = TestServer::start().await;
        for path in ["/widget.js", "/admin/chat", "/favicon.ico"] {
            let first = get(&server, path, &[]).await;
            let tag = first.header("etag").to_owned();
            assert!(tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
            for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
                let again = get(&server, path, &[("if-none-match", &known)]).await;
                assert_eq!(again.status, 304, "{path} {known}");
                assert_eq!(again.text, "");
                assert_eq!(again.header("etag"), tag);
                assert_eq!(again.header("cache-control"), first.header("cache-control"));
            }
            let changed = get(&server, path, &[("if-none-match", "\"other\"")]).await;
            assert_eq!(changed.status, 200, "{path}");
        }
    }

    #[tokio::test]
    async fn files_come_in_the_smallest_form_that_the_client_takes() {
        let server = TestServer::start().await;
        let plain = get(&server, "/widget.js", &[]).await;
        assert_eq!(plain.header("content-encoding"), "");
        let mut tags = vec![plain.header("etag").to_owned()];
        for (accepts, form) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip;q=0.8, br;q=0", "gzip"),
            ("gzip", "gzip"),
            ("identity", ""),
            ("br;q=0", ""),
        ] {
            let response = get(&server, "/widget.js", &[("accept-encoding", accepts)]).await;
            assert_eq!(response.header("content-encoding"), form, "{accepts}");
            assert!(
                response
                    .header("vary")
                    .to_lowercase()
                    .contains("accept-encoding")
            );
            tags.push(response.header("etag").to_owned());
            if form.is_empty() {
                assert_eq!(response.text, plain.text, "{accepts}");
            } else {
                let length: usize = response.header("content-length").parse().expect("a length");
                assert!(length < plain.text.len(), "{accepts}: {length}");
            }
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "each form has a tag of its own: {tags:?}");
    }

    #[tokio::test]
    async fn head_has_the_headers_of_get_and_no_body() {
        let server = TestServer::start().await;
        for path in ["/widget.js", "/admin/chat", "/"] {
            let got = get(&server, path, &[]).await;
            let head = Response::to(server.rest().request(Method::HEAD, path)).await;
            assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
            for name in ["content-type", "content-length", "etag", "cache-control"] {
                assert_eq!(head.header(name), got.header(name), "{path} {name}");
            }
        }
    }

    #[tokio::test]
    async fn the_console_runs_its_own_files_and_nothing_else() {
        let server = TestServer::start().await;
        for path in ["/admin/chat", "/admin/chat/", "/admin/setup"] {
            let page = get(&server, path, &[]).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.header("content-type").starts_with("text/html"));
            let policy = page.header("content-security-policy");
            for directive in [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "connect-src 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'none'",
            ] {
                assert!(policy.contains(directive), "{directive} in {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            for inline in ["<style", " style=", " onclick=", "http://", "https://"] {
                assert!(!page.text.contains(inline), "{path}: {inline}");
            }
            assert!(!page.text.contains("<script>"), "{path}");
        }
        for path in ["/admin", "/admin/"] {
            let response = get(&server, path, &[]).await;
            assert_eq!(response.status, 308, "{path}");
            assert_eq!(response.header("location"), "/admin/chat");
        }
    }

    #[tokio::test]
    async fn the_console_is_installable_and_its_worker_handles_no_requests() {
        let server = TestServer::start().await;
        let console = get(&server, "/admin/chat", &[]).await;
        assert!(console.text.contains("/admin/manifest.webmanifest"));
        let policy = console.header("content-security-policy");
        for directive in ["manifest-src 'self'", "worker-src 'self'"] {
            assert!(policy.contains(directive), "{directive} in {policy}");
        }
        let manifest = get(&server, "/admin/manifest.webmanifest", &[]).await;
        let media_type = manifest.header("content-type");
        assert_eq!(media_type, "application/manifest+json");
        let manifest = manifest.is(200);
        assert_eq!(manifest["start_url"], "/admin/chat");
        assert_eq!(manifest["display"], "standalone");
        for icon in manifest["icons"].as_array().expect("icons") {
            let icon = get(&server, icon["src"].as_str().expect("a path"), &[]).await;
            assert_eq!(
                (icon.status, icon.header("content-type")),
                (200, "image/png")
            );
        }
        let worker = get(&server, "/admin/worker.js", &[]).await;
        assert_eq!(worker.status, 200);
        assert!(worker.header("content-type").starts_with("text/javascript"));
        assert_eq!(worker.header("cache-control"), "no-cache");
        assert!(worker.text.len() <= 1024, "{} bytes", worker.text.len());
        assert!(!worker.text.contains("fetch"), "{}", worker.text);
        get(&server, "/admin/other.js", &[])
            .await
            .problem(404, "not_found");
    }
}

#[cfg(not(feature = "front-ends"))]
#[tokio::test]
async fn a_build_without_front_ends_explains_itself() {
    let server = TestServer::start().await;
    for path in ["/", "/admin/chat", "/admin/setup"] {
        let page = get(&server, path, &[]).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"));
    }
    let console = get(&server, "/admin/chat", &[]).await;
    assert!(console.text.contains("--no-default-features"));
    let widget = get(&server, "/widget.js", &[]).await;
    let problem = widget.problem(404, "not_found");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("front ends"), "{detail}");
}
