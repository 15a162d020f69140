//! Compiles the kernels for NVIDIA cards, in builds for them.

fn main() {
    println!("cargo::rerun-if-changed=cuda");
    #[cfg(feature = "cuda")]
    compile();
}

#[cfg(feature = "cuda")]
fn compile() {
    // For the oldest cards that have the instructions: the driver makes of it what a newer card is best at.
    let built = cudaforge::KernelBuilder::new()
        .source_files(["cuda/attention.cu", "cuda/maps.cu", "cuda/tokens.cu"])
        .compute_cap(80)
        .args(["-std=c++17", "-O3"])
        .build_ptx();
    if let Err(reason) = built {
        panic!("the kernels for NVIDIA cards cannot be compiled: {reason}");
    }
}
