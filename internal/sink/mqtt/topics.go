package mqtt

import "strings"

// Payloads of status topics; Home Assistant's defaults, compared byte by byte.
const (
	online  = "online"
	offline = "offline"
)

// topics makes every topic's name. base and prefix are as configured.
type topics struct {
	base   string
	prefix string // "" = no discovery
}

// status is the daemon's own, and the will's.
func (t topics) status() string { return t.base + "/status" }

// of is a topic of a gateway: of("122333444555", "power").
func (t topics) of(gateway, what string) string { return t.base + "/" + gateway + "/" + what }

// config is the discovery topic of the device with this serial.
func (t topics) config(serial string) string {
	return t.prefix + "/device/" + identity(serial) + "/config"
}

// identity is a device's identifier in Home Assistant, never to be changed:
// its unique ids and its history hang on it.
func identity(serial string) string { return "envoyd_" + serial }

// segment makes one topic level of a text a gateway gave: only what Home
// Assistant takes in discovery topics passes, so no gateway can make a topic
// of its own choice with / + or #.
func segment(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, s)
}

// ofThing lists the retained topics that belong to a thing below a gateway;
// "" is the gateway itself.
func (t topics) ofThing(gateway, id string) []string {
	var all []string
	serial := gateway
	if id == "" {
		for _, what := range [...]string{"status", "power", "energy", "state", "storage", "gateway"} {
			all = append(all, t.of(gateway, what))
		}
	} else {
		serial = serialOf(id)
		all = append(all, t.of(gateway, id))
	}
	if t.prefix != "" && !isMeter(id) {
		all = append(all, t.config(serial))
	}
	return all
}

// serialOf returns the serial of "inverter/122344043197".
func serialOf(id string) string {
	_, serial, _ := strings.Cut(id, "/")
	return serial
}

func isMeter(id string) bool { return strings.HasPrefix(id, kindMeter+"/") }
