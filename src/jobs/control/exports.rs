use std::io;

use tokio::io::AsyncWriteExt;

use super::{Reply, audit, send};
use crate::jobs::export::{Export, ExportFormat};
use crate::persistence::{AuditAction, ExportError, ExportScope, Store};

/// Makes an export for a command, which writes it.
pub(super) async fn serve(
    writing: &mut (impl AsyncWriteExt + Unpin),
    store: &Store,
    scope: ExportScope,
    format: ExportFormat,
) -> io::Result<()> {
    let reply = match send_export(writing, store, scope, format).await? {
        Ok(exported) => {
            audit(store, AuditAction::Exported).await;
            exported
        }
        Err(failure) => Reply::Failed {
            message: failure.to_string(),
        },
    };
    send(writing, &reply).await
}

/// Sends the parts of an export. The next one is read when the client has taken the last.
async fn send_export(
    writing: &mut (impl AsyncWriteExt + Unpin),
    store: &Store,
    scope: ExportScope,
    format: ExportFormat,
) -> io::Result<Result<Reply, ExportError>> {
    let mut export = match Export::begin(store, scope, format).await {
        Ok(export) => export,
        Err(error) => return Ok(Err(error)),
    };
    loop {
        match export.next().await {
            Ok(Some(text)) => {
                send(writing, &Reply::Part { text }).await?;
                let (done, total) = (export.done(), export.total());
                send(writing, &Reply::Progress { done, total }).await?;
            }
            Ok(None) => {
                return Ok(Ok(Reply::Exported {
                    rooms: export.rooms(),
                    messages: export.done(),
                }));
            }
            Err(error) => return Ok(Err(error)),
        }
    }
}
