#!/usr/bin/env bash
# Stop everything that start.sh started. Source it or run it, from anywhere:
#
#     source stop.sh          asks whether the data is to be removed too
#     source stop.sh --yes    removes it without asking
#     source stop.sh --compose  the same for the containers
#
# On a terminal it offers to show the live logs first, for a last look.

_streamguard_stop() {
  if [ -n "${ZSH_VERSION:-}" ]; then emulate -L sh; fi
  local here=$1 yes='' mode='' option answer='' command=$1/.venv/bin/streamguard
  shift
  for option in "$@"; do
    case $option in
      -y | --yes) yes=yes ;;
      --compose) mode='--mode=compose' ;;
      -h | --help)
        echo "usage: source stop.sh [--compose] [--yes]"
        echo "  --compose   stop the containers of start.sh --compose"
        echo "  --yes       also remove data, logs and credentials, without asking"
        return 0
        ;;
      *)
        echo "stop.sh: unknown option $option; usage: source stop.sh [--compose] [--yes]" >&2
        return 64
        ;;
    esac
  done
  if [ ! -x "$command" ]; then
    echo "stop.sh: nothing is installed here, so nothing runs (source start.sh --build installs it)" >&2
    return 0
  fi
  if [ -n "$yes" ]; then
    "$command" --project "$here" down $mode --wipe --yes
    return
  fi
  if [ ! -t 0 ] || [ ! -t 1 ]; then
    "$command" --project "$here" down $mode # nobody to ask: the data stays
    return
  fi
  printf 'Look at the live log of a server first? Its name, or Enter for no: '
  read -r answer || answer=''
  if [ -n "$answer" ]; then
    echo "(Ctrl-C ends the log)"
    (trap : INT; "$command" --project "$here" logs "$answer" --follow) || true
  fi
  printf 'Remove the data, logs and credentials as well? [y/N] '
  read -r answer || answer=''
  case $answer in
    y | Y | yes) "$command" --project "$here" down $mode --wipe --yes ;;
    *) "$command" --project "$here" down $mode ;;
  esac
}

_streamguard_finish() {
  local code=$?
  unset -f _streamguard_stop _streamguard_finish
  unset -v _streamguard_here
  return $code
}

if [ -n "${ZSH_VERSION:-}" ]; then
  eval '_streamguard_here=${${(%):-%x}:A:h}'
else
  _streamguard_here=$(CDPATH='' cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
fi
_streamguard_stop "$_streamguard_here" "$@" && _streamguard_finish || _streamguard_finish
