# Sourced by the builds beside it: a root filesystem out of this machine's own Debian packages, nothing downloaded.
# The kernel is the host's anyway; what an image adds to a program is the libraries it loads, and those `ldd` names.

# rootfs_new DIR: the skeleton every program expects.
rootfs_new() {
    mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,etc,tmp,run,dev,proc,sys,root,var/tmp,var/lib}
    chmod 1777 "$1/tmp" "$1/var/tmp"
    cp /etc/nsswitch.conf "$1/etc/" 2>/dev/null || echo 'hosts: files dns' >"$1/etc/nsswitch.conf"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$1/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
    # glibc opens these by name when it looks up hosts and users, so ldd does not know them.
    rootfs_libraries "$1" /lib/x86_64-linux-gnu/libnss_files.so.2 /lib/x86_64-linux-gnu/libnss_dns.so.2 \
        /lib/aarch64-linux-gnu/libnss_files.so.2 /lib/aarch64-linux-gnu/libnss_dns.so.2
}

# rootfs_programs DIR NAME...: programs found on the PATH, with their libraries, at the same place.
rootfs_programs() {
    local root=$1 name path
    shift
    for name in "$@"; do
        path=$(readlink -f "$(command -v "$name")")
        install -D "$path" "$root$path"
        [ -e "$root/usr/bin/$name" ] || [ "$path" = "/usr/bin/$name" ] || ln -s "$path" "$root/usr/bin/$name"
        [ -e "$root/bin/$name" ] || ln -s "$path" "$root/bin/$name"
        rootfs_libraries "$root" "$path"
    done
}

# rootfs_libraries DIR FILE...: the libraries that these programs or libraries load, and the libraries themselves.
rootfs_libraries() {
    local root=$1 file library
    shift
    for file in "$@"; do
        [ -e "$file" ] || continue
        [[ $file != *.so* ]] || echo "$file"
        ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true
    done | sort -u | while read -r library; do
        [ -e "$root$library" ] || install -D "$library" "$root$library"
    done
}

# image_current TAG RECIPE: whether the image TAG was built from RECIPE already.
image_current() {
    [ "$(docker image inspect -f '{{index .Config.Labels "tidegate.recipe"}}' "$1" 2>/dev/null)" = "$2" ]
}

# image_import DIR TAG RECIPE CHANGE...: DIR becomes the image TAG. `docker import` needs no builder, so it works with every engine.
image_import() {
    local root=$1 tag=$2 recipe=$3 change changes=()
    shift 3
    for change in "LABEL tidegate.recipe=$recipe" "$@"; do changes+=(-c "$change"); done
    tar -C "$root" --numeric-owner --owner=0 --group=0 -c . | docker import "${changes[@]}" - "$tag" >/dev/null
}
