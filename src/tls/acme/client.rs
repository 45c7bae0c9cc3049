//! The HTTP client for the ACME library.

use std::pin::Pin;

use bytes::Bytes;
use hyper::http::Request;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::https_client::{HttpsClient, Trust};

/// The client that the library uses. It reads the authorities' certificates when it is made, and
/// frees them when it is dropped: it is needed for seconds in months.
pub(super) struct AcmeHttp(HttpsClient);

impl AcmeHttp {
    pub(super) async fn boxed() -> Result<Box<dyn HttpClient>, Error> {
        tokio::task::spawn_blocking(|| HttpsClient::new(Trust::Authorities))
            .await
            .map(|client| Box::new(Self(client)) as Box<dyn HttpClient>)
            .map_err(|error| Error::Other(error.into()))
    }
}

impl HttpClient for AcmeHttp {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let response = client
                .send(request, None)
                .await
                .map_err(|error| Error::Other(error.into()))?;
            let (parts, body) = response.into_parts();
            Ok(BytesResponse {
                parts,
                body: Box::new(body),
            })
        })
    }
}
