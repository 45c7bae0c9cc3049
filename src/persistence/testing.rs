//! What the store's tests share.
