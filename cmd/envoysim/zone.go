package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// hostZone is this machine's time zone under its proper name, which the gateway
// shows at /home.json; UTC when it has none.
func hostZone() *time.Location {
	for _, name := range []string{os.Getenv("TZ"), linkedZone(), namedZone()} {
		if name == "" || name == "Local" {
			continue
		}
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return time.UTC
}

// linkedZone reads where /etc/localtime points to.
func linkedZone() string {
	target, err := filepath.EvalSymlinks("/etc/localtime")
	if err != nil {
		return ""
	}
	_, name, _ := strings.Cut(target, "zoneinfo/")
	return name
}

// namedZone reads Debian's /etc/timezone.
func namedZone() string {
	name, err := os.ReadFile("/etc/timezone")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}
