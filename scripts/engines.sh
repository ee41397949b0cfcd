#!/usr/bin/env bash
# Install the servers that tests of real engines start by themselves. Says what it does; does nothing twice.
set -euo pipefail

if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  echo "PostgreSQL is installed: $(ls -d /usr/lib/postgresql/*/bin | tail -n 1)"
elif [ "$(id -u)" != 0 ]; then
  echo "PostgreSQL is missing, and only root may install it: apt-get install postgresql" >&2
  exit 1
else
  echo "installing the Debian package postgresql"
  apt-get update -qq
  # the package would otherwise start a server of its own, on the port that a user's may have
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
fi
