#!/usr/bin/env bash
# Proves that a faster decode says the same: runs two builds over captures and compares every byte.
#
#   same_output.sh OLD NEW CAPTURE_OR_FOLDER...
#
# Compared for each file and form: standard output, standard error, exit code; for --streams, the files written.
set -euo pipefail

(($# >= 3)) || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
old=$1 new=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mapfile -d '' -t files < <(find "$@" -type f \( -name '*.pcap*' -o -name '*.cap*' -o -name '*.json*' -o -name '*.ntar' \) -print0 | sort -z)
forms=("-q" "-T csv" "-T tsv" "-T json" "-T ndjson" "-T text" "-T table" "-V" "-x" "-t ad" "-t d" "--message" "--info")

run() { # BUILD PREFIX FILE
    local form status
    for form in "${forms[@]}"; do
        status=0
        # shellcheck disable=SC2086 # an option and its value
        "$1" $form "$3" >>"$folder/$2.out" 2>&1 || status=$?
        echo "$form exit $status" >>"$folder/$2.out"
    done
    mkdir "$folder/$2.streams"
    "$1" --streams "$folder/$2.streams" "$3" 2>/dev/null >>"$folder/$2.out" || echo "--streams exit $?" >>"$folder/$2.out"
    (cd "$folder/$2.streams" && find . -type f -print0 | sort -z | xargs -0r sha256sum) >>"$folder/$2.out"
}

differing=0
for file in "${files[@]}"; do
    rm -rf "$folder"/*
    run "$old" old "$file"
    run "$new" new "$file"
    if ! cmp -s "$folder/old.out" "$folder/new.out"; then
        echo "differs: $file" >&2
        diff "$folder/old.out" "$folder/new.out" | head -n 5 >&2 || true
        differing=$((differing + 1))
    fi
done
echo "${#files[@]} files, ${#forms[@]} forms and --streams each: $differing differ"
((differing == 0))
