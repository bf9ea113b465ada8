# Start everything on this machine. Source it, in bash or zsh, from anywhere:
#
#     source start.sh --build     the first time: makes .venv, installs wheels and jars, starts the bank pipeline
#     source start.sh             from then on
#     source start.sh --compose   in containers instead, by docker compose
#
# Sourced, it puts `streamguard` on this shell's PATH. It never ends the shell, sets no option in it and leaves no
# variable or function behind: what can fail runs in a subshell, and this file returns non-zero when something did.

_streamguard_start() {
  if [ -n "${ZSH_VERSION:-}" ]; then emulate -L sh; fi
  local here=$1 build='' mode='' produce='' help='' option
  shift
  for option in "$@"; do
    case $option in
      --build) build=yes ;;
      --compose) mode='--mode=compose' ;;
      --no-produce) produce=--no-produce ;;
      -h | --help) help=yes ;;
      *)
        echo "start.sh: unknown option $option; usage: source start.sh [--build] [--compose] [--no-produce]" >&2
        return 64
        ;;
    esac
  done
  if [ -n "$help" ]; then
    echo "usage: source start.sh [--build] [--compose] [--no-produce]"
    echo "  --build        make .venv and install the wheels and jars of the lock files first"
    echo "  --compose      run everything in containers: needs Docker, with its compose plugin"
    echo "  --no-produce   start the pipeline without its generator"
    return 0
  fi
  if [ -n "$build" ]; then
    (_streamguard_build "$here" "$mode") || return
  elif [ ! -x "$here/.venv/bin/streamguard" ]; then
    echo "start.sh: nothing is installed yet: source start.sh --build" >&2
    return 1
  fi
  if [ "${VIRTUAL_ENV:-}" != "$here/.venv" ]; then
    . "$here/.venv/bin/activate" || return
  fi
  streamguard --project "$here" up bank $mode $produce
}

_streamguard_build() {
  local here=$1 mode=$2 python
  # Without this, Ctrl-C would end the whole of this file at once, and leave its functions behind.
  trap 'echo "start.sh: interrupted; source it again to go on" >&2; exit 130' INT
  cd "$here" || return
  # Made anew when its Python is gone or too old, or when making it was interrupted (pip comes last).
  if ! .venv/bin/python -c "import pip; $_streamguard_new_enough" 2>/dev/null; then
    python=$(_streamguard_python) || return
    echo "Making .venv with $python" >&2
    if ! "$python" -c "$_streamguard_venv"; then
      echo "start.sh: .venv can not be made with $python: see above; on Debian and Ubuntu, apt install python3-venv" >&2
      return 1
    fi
  fi
  # Nothing to do, and no network, when this very lock file is installed already.
  if ! cmp -s requirements.lock .venv/installed.lock || [ ! -x .venv/bin/streamguard ]; then
    echo "Installing the Python packages of requirements.lock (this takes a minute)" >&2
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
      --only-binary :all: --require-hashes -r requirements.lock; then
      echo "start.sh: the packages were not installed: see above; source it again to go on" >&2
      return 1
    fi
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
      --no-build-isolation --editable .; then
      echo "start.sh: streamguard itself was not installed into .venv: see above" >&2
      return 1
    fi
    cp requirements.lock .venv/installed.lock || return
  fi
  # The images of the containers have jars of their own.
  if [ -z "$mode" ]; then .venv/bin/streamguard --project "$here" jars fetch; fi
}

# The first Python that is new enough; else a sentence about what there is.
_streamguard_python() {
  local name found=''
  for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$name" >/dev/null 2>&1; then
      if "$name" -c "$_streamguard_new_enough" 2>/dev/null; then
        if ! "$name" -c 'import ensurepip, venv' 2>/dev/null; then
          echo "start.sh: $name has no venv module: on Debian and Ubuntu, apt install python3-venv" >&2
          return 1
        fi
        command -v "$name"
        return 0
      fi
      found="$found, $("$name" --version 2>&1)"
    fi
  done
  echo "start.sh: Python 3.11 or newer is needed; there is ${found#, }${found:-none}: see https://www.python.org/downloads/" >&2
  return 1
}

_streamguard_new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
# `python -m venv --clear .venv`, without a traceback after Ctrl-C
_streamguard_venv='import runpy, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.argv[1:] = ["--clear", ".venv"]
runpy.run_module("venv", run_name="__main__")'

# Keeps the code of the command before it, and takes this file's names away.
_streamguard_finish() {
  local code=$?
  unset -f _streamguard_start _streamguard_build _streamguard_python _streamguard_finish
  unset -v _streamguard_new_enough _streamguard_venv _streamguard_here
  return $code
}

if [ -n "${ZSH_VERSION:-}" ]; then
  eval '_streamguard_here=${${(%):-%x}:A:h}'
elif [ -n "${BASH_VERSION:-}" ]; then
  _streamguard_here=$(CDPATH='' cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
fi

if [ -z "${_streamguard_here:-}" ]; then
  echo "start.sh: source it in bash or zsh" >&2
  false && _streamguard_finish || _streamguard_finish
elif [ -n "${BASH_VERSION:-}" ] && [ "${BASH_SOURCE[0]}" = "$0" ]; then
  echo "start.sh: source it, so that streamguard gets on your PATH: source start.sh $*" >&2
  false && _streamguard_finish || _streamguard_finish
else
  _streamguard_start "$_streamguard_here" "$@" && _streamguard_finish || _streamguard_finish
fi
