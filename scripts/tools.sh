# Sourced by the scripts that install tools outside the tree, where clones share them: the folder, and what is in it.
tools="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/sensorium/tools"
mkdir -p "$tools"

# Whether the tool $1 is there in the version $2.
has() { [[ -e "$tools/$1" && "$(cat "$tools/$1.version" 2>/dev/null)" == "$2" ]]; }

# Builds the program $1 from the Go package $2 in the version $3, if it is not there.
go_tool() {
  has "$1" "$3" && return 0
  echo "setup: building $1 $3 (once, some minutes)" >&2
  GOBIN="$tools" go install "$2@$3" >&2
  [[ "$(basename "$2")" == "$1" ]] || mv "$tools/$(basename "$2")" "$tools/$1"
  echo "$3" >"$tools/$1.version"
}
