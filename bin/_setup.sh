# Sourced by bin/start and bin/test: finds Python, makes var/venv once, vendors the dashboard's css and js once.
# A step is done again only when what it was made from has changed (its stamp differs).

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$ROOT"
VAR=${WOTNOT_VAR:-$ROOT/var}
VENV=$ROOT/var/venv
# Where it is set, every process would translate thousands of files anew at each start.
unset PYTHONDONTWRITEBYTECODE 2>/dev/null || true

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Prints the first Python that is new enough; the plain name first, so that a person's own choice wins.
find_python() {
  for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

make_venv() {
  python=$(find_python) || fail "WotNot needs Python 3.11 or newer, and found none. Install it (on Debian: apt install python3 python3-venv) and try again."
  "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    fail "$python has no venv module. Install it (on Debian: apt install python3-venv) and try again."
  # Making it anew empties it, and through a link that would be somebody else's.
  [ ! -L "$VENV" ] || fail "$VENV is a link to an environment made elsewhere. Remove the link and try again."
  echo "Making the Python environment in var/venv …"
  "$python" -m venv --clear "$VENV" || fail "Could not make $VENV (see above)."
}

# A venv is of use only where it was made (its scripts name their interpreter in full), and only if it was finished.
venv_is_usable() {
  head -n 1 "$VENV/bin/pip" 2>/dev/null | grep -qF "$VENV/bin/" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1
}

# Where pip was told of an index of one's own, or uv does not get through, pip does in a minute what uv does in ten seconds.
UV=uv==0.13.9

install_quickly() {
  "$VENV/bin/python" -m pip config list 2>/dev/null | grep -qE '\.(index-url|no-index)=' && return 1
  "$VENV/bin/python" -m pip install -qq --disable-pip-version-check "$UV" 2>/dev/null &&
    UV_HTTP_RETRIES=1 "$VENV/bin/uv" pip install --quiet --system-certs --python "$VENV/bin/python" "$@" 2>/dev/null
}

# install_packages STAMP FILE…: what the requirement files name, unless the stamp says that this was done.
install_packages() {
  stamp=$VENV/.$1
  shift
  wanted="$ROOT $(cat "$@" | cksum)"
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
  venv_is_usable || make_venv
  echo "Installing the Python packages of $* (once, up to a minute) …"
  for file in "$@"; do
    set -- "$@" -r "$file"
    shift
  done
  install_quickly "$@" || "$VENV/bin/python" -m pip install -qq --disable-pip-version-check "$@" ||
    fail "Installing the Python packages failed (see above). Check the network and try again."
  printf '%s' "$wanted" >"$stamp"
}

setup_venv() {
  mkdir -p "$ROOT/var"
  install_packages product requirements.txt
}

# setup_assets [--with-tests]: bin/vendor keeps its own stamp, made from package-lock.json.
setup_assets() {
  [ -f bin/vendor ] || return 0
  "$VENV/bin/python" bin/vendor "$@" || fail "Fetching the dashboard's css and js failed (see above). Check the network and try again."
}
