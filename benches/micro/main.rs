//! `cargo bench`, or `cargo bench -- hub`.

criterion::criterion_group!(benches, micro::codec, micro::json, micro::hub, micro::engine);
criterion::criterion_main!(benches);
