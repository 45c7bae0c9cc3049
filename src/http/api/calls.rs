//! The calls of the API: their routes, which a server needs at its start, and their documentation,
//! which takes megabytes to make and is made only when somebody reads it.

use axum::Router;
use axum::routing::MethodRouter;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::http::state::AppState;

/// Calls with their documentation.
#[derive(Default)]
pub(super) struct Calls {
    router: Router<AppState>,
    documentation: Vec<fn() -> UtoipaMethodRouter<AppState>>,
}

/// The calls of one path, as [`calls!`] makes them.
pub(super) struct CallsOfPath {
    pub(super) path: String,
    pub(super) methods: MethodRouter<AppState>,
    pub(super) documentation: fn() -> UtoipaMethodRouter<AppState>,
}

impl Calls {
    pub(super) fn add(mut self, calls: CallsOfPath) -> Self {
        self.router = self.router.route(&calls.path, calls.methods);
        self.documentation.push(calls.documentation);
        self
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.documentation.extend(other.documentation);
        self
    }

    /// The routes alone.
    pub(super) fn into_router(self) -> Router<AppState> {
        self.router
    }

    /// `base` with the documentation of all calls.
    pub(super) fn document(self, base: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
        let documented = OpenApiRouter::with_openapi(base);
        self.documentation
            .into_iter()
            .fold(documented, |router, calls| router.routes(calls()))
            .into_openapi()
    }
}

/// The calls of one path, from their handlers, each named by its module: `calls!(rooms::get)`.
macro_rules! calls {
    ($first:ident::$handler:ident $(, $module:ident::$other:ident)* $(,)?) => {
        pastey::paste! {{
            use utoipa::Path as _;
            use utoipa_axum::PathItemExt as _;
            let mut methods = axum::routing::MethodRouter::new();
            for method in $first::[<__path_ $handler>]::methods() {
                methods = methods.on(method.to_method_filter(), $first::$handler);
            }
            $(for method in $module::[<__path_ $other>]::methods() {
                methods = methods.on(method.to_method_filter(), $module::$other);
            })*
            $crate::http::api::calls::CallsOfPath {
                path: $first::[<__path_ $handler>]::path(),
                methods,
                documentation: || utoipa_axum::routes!($first::$handler $(, $module::$other)*),
            }
        }}
    };
}

pub(super) use calls;
