package config

import (
	"os"
	"path/filepath"
	"time"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// The vendor's own services.
const (
	defaultEntrez    = "https://entrez.enphaseenergy.com"
	defaultEnlighten = "https://enlighten.enphaseenergy.com"
	defaultAPI       = "https://api.enphaseenergy.com"
)

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Poll: Poll{
			Meters:    Duration{time.Second},
			Batteries: Duration{10 * time.Second},
			Inverters: Duration{time.Minute},
			Status:    Duration{15 * time.Minute},
		},
		Cloud: Cloud{
			After:     Duration{2 * time.Minute},
			Enlighten: Enlighten{App: "developer", Plan: "watt"},
		},
		MQTT: MQTT{
			Topic:    "envoyd",
			Interval: Duration{time.Second},
			HomeAssistant: HomeAssistant{
				Prefix:   "homeassistant",
				Status:   "homeassistant/status",
				Interval: Duration{10 * time.Second},
				Names:    "plain",
			},
		},
		Influx: Influx{Prefix: "enphase_", Interval: Duration{time.Second}},
		Store: Store{
			Raw:      Duration{48 * time.Hour},
			Minutes:  Duration{2 * year},
			Quarters: Duration{10 * year},
			MaxSize:  1 << 30,
		},
		HTTP:      HTTP{Listen: "127.0.0.1:8099"},
		Endpoints: Endpoints{Entrez: defaultEntrez, Enlighten: defaultEnlighten, API: defaultAPI},
	}
}

// StateDir is the folder of the store: store.path, else what systemd gives,
// else /var/lib/envoyd if it exists, else the user's own state folder.
func (c *Config) StateDir() string {
	if c.Store.Path != "" {
		return c.Store.Path
	}
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir
	}
	const system = "/var/lib/envoyd"
	if info, err := os.Stat(system); err == nil && info.IsDir() {
		return system
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "envoyd")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "envoyd")
	}
	return filepath.Join(home, ".local", "state", "envoyd")
}

// Overridden lists the vendor services that point elsewhere, for the warning
// at start.
func (e Endpoints) Overridden() []string {
	var changed []string
	for _, s := range []struct{ key, value, standard string }{
		{"endpoints.entrez", e.Entrez, defaultEntrez},
		{"endpoints.enlighten", e.Enlighten, defaultEnlighten},
		{"endpoints.api", e.API, defaultAPI},
	} {
		if s.value != s.standard {
			changed = append(changed, s.key+" = "+s.value)
		}
	}
	return changed
}
