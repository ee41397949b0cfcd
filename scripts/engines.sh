#!/usr/bin/env bash
# Install the servers and the browser that tests start by themselves. Says what it does; does nothing twice.
set -euo pipefail

# $1 name, $2 Debian package, $3 a pattern of what it brings
missing() {
  if compgen -G "$3" >/dev/null; then
    echo "$1 is installed: $(compgen -G "$3" | tail -n 1)"
    return 1
  elif [ "$(id -u)" != 0 ]; then
    echo "$1 is missing, and only root may install it: apt-get install $2" >&2
    exit 1
  fi
  echo "installing the Debian package $2"
}

install() {
  [ -n "${updated:-}" ] || apt-get update -qq
  updated=1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

if missing PostgreSQL postgresql '/usr/lib/postgresql/*/bin/initdb'; then
  # the package would otherwise start a server of its own, on the port that a user's may have
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  install postgresql
fi

# $1 package, $2 its service: the package would start it, and no service may be started while it is installed
install_idle() {
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; trap 'rm -f "$policy"' EXIT; }
  install --no-install-recommends "$1"
  systemctl disable --quiet "$2" 2>/dev/null || true
}

if missing MariaDB mariadb-server '/usr/sbin/mariadbd'; then
  install_idle mariadb-server mariadb
fi

if missing etcd etcd-server '/usr/bin/etcd'; then
  install_idle etcd-server etcd
fi

if missing Redis redis-server '/usr/bin/redis-server'; then
  install_idle redis-server redis-server
fi

if missing "Chromium's headless shell" chromium-headless-shell '/usr/bin/chromium-headless-shell'; then
  install --no-install-recommends chromium-headless-shell fonts-dejavu-core
fi

if missing Java default-jre-headless '/usr/bin/java'; then
  install --no-install-recommends default-jre-headless
fi

# Kafka is not in Debian; its jars come from where Maven is told to look, and stay outside of the repository
kafka="${XDG_CACHE_HOME:-$HOME/.cache}/resonance/kafka"
if compgen -G "$kafka/kafka_2*.jar" >/dev/null; then
  echo "Kafka is there: $(compgen -G "$kafka/kafka_2*.jar")"
else
  if missing Maven maven '/usr/bin/mvn'; then
    install --no-install-recommends maven
  fi
  echo "fetching Kafka's jars into $kafka"
  rm -rf "$kafka.part"
  mvn -q -B -f "$(dirname "$0")/kafka.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$kafka.part"
  rm -rf "$kafka"
  mv "$kafka.part" "$kafka"
fi
