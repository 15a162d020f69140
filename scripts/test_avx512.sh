#!/usr/bin/env bash
# Runs the kernels' tests with AVX-512 and with AVX-512 VNNI on a machine that has neither, in an emulator of such
# processors, Bochs. For Debian 12, whose packages of Bochs and of the kernel are known to get along. It takes an hour
# or more; arguments are parts of tests' names, to run only those: scripts/test_avx512.sh in_bytes
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "test_avx512: $*" >&2; }

work=$PWD/target/avx512
mkdir -p "$work"
packages=()
for package in bochs bochs-term bochsbios vgabios isolinux syslinux-common genisoimage cpio busybox-static; do
    dpkg -s "$package" >/dev/null 2>&1 || packages+=("$package")
done
if ((${#packages[@]})) || [[ ! -f $work/vmlinuz ]]; then
    root=()
    ((EUID == 0)) || root=(sudo)
    say "installing ${packages[*]} and a kernel to run there"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    # A kernel with few drivers, only unpacked: it is not for this machine.
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p')
    (cd "$work" && apt-get download -qq "$kernel" && dpkg -x "$kernel"_*.deb kernel && mv kernel/boot/vmlinuz-* vmlinuz)
fi

# Optimised: emulated processors are some hundred times slower.
build=(cargo test --locked --release -p samovar-kernels --no-run)
"${build[@]}"
tests=$("${build[@]}" 2>&1 | sed -n 's/.*Executable unittests.*(\(.*\))$/\1/p')

# All there is in the emulated machine: the tests, the libraries that they load, and a shell.
rm -rf "$work/root" "$work/disk"
mkdir -p "$work"/{root/{bin,dev,proc},disk}
strip -o "$work/root/tests" "$tests"
cp "$(command -v busybox)" "$work/root/bin/busybox"
ldd "$tests" | grep -o '/[^ ]*' | xargs cp -L --parents -t "$work/root"
cat >"$work/root/init" <<END
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox grep -m 1 flags /proc/cpuinfo
RUST_TEST_THREADS=1 RAYON_NUM_THREADS=1 /tests $*
# The serial line is slow, and what is still on its way would be lost.
/bin/busybox sleep 2
/bin/busybox poweroff -f
END
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio --quiet -o -H newc) >"$work/disk/initrd"

# What Bochs says about these processors is not all true, and Linux then does without AVX or hangs: it is told to leave
# alone what is wrong, sizes of saved registers (pku, xsavec, xsaves) and how fast copies are (fsrm).
cat >"$work/disk/isolinux.cfg" <<END
default tests
label tests
kernel vmlinuz
append initrd=initrd console=ttyS0 quiet panic=-1 mitigations=off clearcpuid=pku,xsavec,xsaves,fsrm
END
cp "$work/vmlinuz" /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/disk"
genisoimage -quiet -o "$work/disk.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
    "$work/disk"

# Runs the tests on a processor that has the first of these instructions and, where named, not the second.
run() {
    local model=$1 has=$2 lacks=${3:-nothing} said=$work/$1.txt flags
    cat >"$work/bochsrc" <<END
cpu: model=$model, ips=50000000
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$work/disk.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$said
display_library: term
clock: sync=none
panic: action=fatal
log: $work/bochs.log
END
    # Debian's Bochs is a debugger, which waits for a command, and its display wants a terminal.
    local bochs="bochs -q -f '$work/bochsrc' -rc '$work/commands'"
    echo continue >"$work/commands"
    rm -f "$said"
    say "running on $model; what the tests say goes to $said"
    TERM=xterm timeout 3h script -qec "$bochs" /dev/null </dev/null >/dev/null || true
    [[ -s $said ]] || { say "$model did not start Linux: see $work/bochs.log"; exit 1; }
    tr -d '\r' <"$said" | sed -n '/^running/,$p'
    flags=" $(sed -n '/^flags/{s/\r//;p;q}' "$said") "
    [[ $flags == *" $has "* && $flags != *" $lacks "* ]] || { say "$model has other instructions:$flags"; exit 1; }
    grep -aq '^test result: ok' "$said" || { say "tests failed on $model"; exit 1; }
}
run corei7_icelake_u avx512_vnni
run corei7_skylake_x avx512bw avx512_vnni
