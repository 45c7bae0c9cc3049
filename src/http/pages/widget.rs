//! `/widget.js`: the file of the build, with what admins have set as its argument.

use std::io::{self, Write};
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::assets::{self, REVALIDATE};
use super::encoded::Encoded;
use crate::current_settings::CurrentSettings;

const FILE: &str = "widget.js";
/// How the file ends without settings; `web/build.mjs` makes it so.
const NO_SETTINGS: &str = "({});";
/// Bytes of a hash that make it unique enough.
const HASH_BYTES: usize = 9;

/// The widget's file. Any origin may load it.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(
    settings: CurrentSettings,
    sends_mail: bool,
) -> Router<S> {
    let script = WidgetScript {
        settings,
        sends_mail,
        made: Arc::default(),
    };
    let response =
        async move |headers: HeaderMap| assets::public(script.file().await, REVALIDATE, &headers);
    Router::new().route("/widget.js", get(response))
}

/// What every `ETag` of the widget begins with.
pub(crate) fn widget_hash() -> Option<String> {
    Some(assets::file(FILE)?.hash)
}

/// The file for the settings of now.
#[derive(Clone)]
struct WidgetScript {
    settings: CurrentSettings,
    sends_mail: bool,
    made: Arc<Mutex<Option<Made>>>,
}

/// The file for settings of a version.
struct Made {
    version: u64,
    file: Option<Encoded>,
}

impl WidgetScript {
    /// The file, made once for each version of the settings; `None` in a build without front ends.
    /// Whoever asks meanwhile waits for it.
    async fn file(&self) -> Option<Encoded> {
        let settings = self.settings.now();
        let mut made = self.made.lock().await;
        if let Some(made) = made
            .as_ref()
            .filter(|made| made.version == settings.version)
        {
            return made.file.clone();
        }
        let argument = settings.widget.as_attributes(self.sends_mail);
        // It is compressed as well as can be, which takes a while.
        let making = tokio::task::spawn_blocking(move || with_argument(&argument));
        let file = making.await.ok().flatten();
        *made = Some(Made {
            version: settings.version,
            file: file.clone(),
        });
        file
    }
}

fn with_argument(argument: &str) -> Option<Encoded> {
    let file = assets::file(FILE)?;
    let text = assets::text(FILE)?;
    // A build from before settings takes none.
    let Some(code) = text.strip_suffix(NO_SETTINGS).filter(|_| argument != "{}") else {
        return Some(file);
    };
    let end = format!("({argument});");
    // Memory takes all that is written.
    let gzip: Bytes = gzip(format!("{code}{end}").as_bytes()).ok()?.into();
    let digest = Sha256::digest(argument);
    Some(Encoded {
        path: FILE,
        hash: file.hash + &URL_SAFE_NO_PAD.encode(&digest[..HASH_BYTES]),
        brotli: with_end(&file.brotli?, &end).filter(|brotli| brotli.len() < gzip.len()),
        gzip,
    })
}

/// The build's Brotli file with another end. The build stores the end uncompressed, so that this takes
/// no compressor, whose tables are a megabyte.
fn with_end(built: &[u8], end: &str) -> Option<Bytes> {
    let code = built.strip_suffix(&stored(NO_SETTINGS)?[..])?;
    Some([code, &stored(end)?].concat().into())
}

/// The last bytes of a Brotli stream that continues a flushed one: an uncompressed block (RFC 7932,
/// 9.2) and the end of the stream. `None` if the text is too long for one block.
fn stored(text: &str) -> Option<Vec<u8>> {
    // Not the last block (1 bit), a length of four nibbles (2 bits), the length less 1 (16 bits),
    // uncompressed (1 bit), and zeros until the byte ends.
    let length = u16::try_from(text.len().checked_sub(1)?).ok()?;
    let header = (u32::from(length) << 3) | (1 << 19);
    let end_of_stream = 0b11;
    Some(
        header.to_le_bytes()[..3]
            .iter()
            .chain(text.as_bytes())
            .chain(&[end_of_stream])
            .copied()
            .collect(),
    )
}

fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}

#[cfg(all(test, feature = "front-ends"))]
mod tests {
    use super::*;
    use crate::settings::Settings;

    /// Bytes of gzip that the widget's file may have without settings, and with them.
    const BUDGET: usize = 2_048;
    const BUDGET_WITH_SETTINGS: usize = BUDGET + 1_024;

    #[test]
    fn without_settings_it_is_the_file_of_the_build() {
        let file = with_argument("{}").expect("the widget");
        assert!(file.plain().ends_with(NO_SETTINGS.as_bytes()));
        assert!(file.brotli.is_some());
        assert!(file.gzip.len() <= BUDGET);
        assert_eq!(Some(file.hash), widget_hash());
    }

    #[test]
    fn settings_are_its_argument_and_change_its_hash() {
        let file = with_argument(r##"{"accent":"#0a7"}"##).expect("the widget");
        assert!(file.plain().ends_with(br##"({"accent":"#0a7"});"##));
        let hash = widget_hash().expect("the widget");
        assert!(file.hash.starts_with(&hash) && file.hash != hash);
        let other = with_argument(r##"{"accent":"#0a8"}"##).expect("the widget");
        assert_ne!(other.hash, file.hash);
    }

    #[test]
    fn with_settings_it_is_compressed_as_well_as_the_file_of_the_build() {
        let built = with_argument("{}").expect("the widget");
        let file = with_argument(r##"{"accent":"#0a7"}"##).expect("the widget");
        let plain = file.plain();
        let packed = file.brotli.expect("it is there, too");
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &packed[..], &mut unpacked).expect("it is whole");
        assert_eq!(unpacked, plain);
        let most = built.brotli.expect("it is there").len() + 32;
        assert!(packed.len() <= most && packed.len() < file.gzip.len());
    }

    /// Texts that do not compress, as long as settings may be.
    #[test]
    fn the_longest_settings_keep_within_the_budget() {
        let mut state = 1_u64;
        let mut letter = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'0' + (state >> 33) as u8 % 75)
        };
        let mut accepted = None;
        for chars in (10..=300).step_by(10) {
            let mut text = || (0..chars).map(|_| letter()).collect::<String>();
            let mut texts = serde_json::Map::new();
            for language in ["de", "en", "es", "fr"] {
                let own = serde_json::json!({"greeting": text(), "away_text": text()});
                texts.insert(language.to_owned(), own);
            }
            let patch = serde_json::json!({"texts": texts, "accent": "#123456", "side": "left"});
            let patch = serde_json::Map::from_iter([("widget".to_owned(), patch)]);
            let Ok(settings) = Settings::default().patched(patch, &Default::default()) else {
                break;
            };
            accepted = Some(settings);
        }
        let settings = accepted.expect("short ones are accepted");
        let file = with_argument(&settings.widget.as_attributes(true)).expect("the widget");
        let bytes = file.gzip.len();
        assert!(
            (BUDGET + 512..=BUDGET_WITH_SETTINGS).contains(&bytes),
            "{bytes}"
        );
    }
}
