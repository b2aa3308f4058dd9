package netnstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"envoyd/internal/parts"
)

// Service is one name that avahi publishes.
type Service struct {
	Instance string // "envoy"
	Type     string // "_enphase-envoy._tcp"
	Port     int
	Text     []string // "serialnum=122333444555"
}

// Avahi runs the real avahi-daemon in the namespace, with a message bus and a
// /run of its own, and publishes the services under the host name given
// (without ".local"). It answers with whatever addresses the cable's end has,
// now and later. Its output is in the Process; it takes a second to speak.
func (s *Space) Avahi(host string, services ...Service) *Process {
	s.t.Helper()
	t := s.t
	daemon, bus := parts.Find(t, "avahi-daemon"), parts.Find(t, "dbus-daemon")
	publish, unshare := parts.Find(t, "avahi-publish"), parts.Find(t, "unshare")
	conf := filepath.Join(t.TempDir(), "avahi.conf")
	settings := fmt.Sprintf("[server]\nhost-name=%s\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=%s\nenable-dbus=yes\n"+
		"[publish]\npublish-hinfo=no\npublish-workstation=no\n", host, Link)
	if err := os.WriteFile(conf, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	fmt.Fprintf(&script, "set -e\nmount -t tmpfs tmpfs /run\nmkdir -p /run/dbus /run/avahi-daemon\n")
	fmt.Fprintf(&script, "%s --system --nofork --nopidfile &\n", bus)
	fmt.Fprintf(&script, "until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done\n")
	fmt.Fprintf(&script, "%s --no-drop-root --no-chroot --no-rlimits -f %s &\n", daemon, conf)
	fmt.Fprintf(&script, "until [ -S /run/avahi-daemon/socket ]; do sleep 0.05; done\n")
	for _, service := range services {
		fmt.Fprintf(&script, "%s -s %s %s %d", publish, service.Instance, service.Type, service.Port)
		for _, text := range service.Text {
			fmt.Fprintf(&script, " '%s'", text)
		}
		script.WriteString(" &\n")
	}
	script.WriteString("wait\n")
	// A process namespace, so that ending its first process ends them all,
	// those that made themselves leaders of a group too.
	return s.Start(nil, unshare, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
		"sh", "-c", script.String())
}
