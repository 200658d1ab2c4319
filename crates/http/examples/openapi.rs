//! Writes the API's description: `cargo run -p countersign-http --example openapi > docs/openapi.json`.

fn main() {
    print!("{}", countersign_http::openapi());
}
