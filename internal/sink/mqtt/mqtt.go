// Package mqtt publishes readings to an MQTT broker, for programs that steer
// by them (envoyd/<gateway>/power, at once) and for Home Assistant, which makes
// devices and entities of its discovery documents by itself.
//
// What is published where, how often and with which quality of service is
// fixed by the product's contract and frozen here by golden files. A state
// topic says how things are now: it has no past, so readings made while the
// broker was away are never sent afterwards, and after each connection
// everything is said again, because a broker that was killed forgets retained
// messages it had acknowledged.
//
// One goroutine, Run's, owns all state. It listens on a live.Hub, which never
// waits for it: a broker that is slow, mute or gone delays nobody and costs no
// memory, because what waits to be sent is bounded (one payload per topic) and
// the newest always replaces the older.
//
// A device that somebody deletes in Home Assistant is announced again when
// either of the two restarts: it is there, and disabling it is the way to hide it.
//
// It does not: take commands, sum gateways, keep a backlog, speak MQTT 5, or
// decide whether a reading is fresh (whoever made the reading has).
package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"envoyd/internal/live"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

// Names for people and entities that Home Assistant shows.
const (
	NamesPlain  = "plain"  // the home's name, and what a person calls things
	NamesNative = "native" // those of Home Assistant's own Enphase integration, so that entity ids go on
)

// Config is what New needs. Zero values mean the defaults named here.
type Config struct {
	URL      string // mqtt:// or tcp://, mqtts:// or ssl://, ws://, wss://; required
	Username string
	Password secret.Text
	CAFile   string // PEM; default: the host's authorities
	CertFile string // PEM, with KeyFile: a client certificate
	KeyFile  string
	ClientID string // default envoyd-<hostname>

	Topic    string        // first part of every topic; default envoyd
	Interval time.Duration // least time between two power messages, by measurement time; default 1 s
	HA       HomeAssistant

	Version string // of envoyd, shown in Home Assistant
	Hub     *live.Hub
	// Facts gives what is known of a gateway beside its readings. It is asked
	// from Run's goroutine every few seconds and must not block. May be nil.
	Facts func(gateway string) GatewayFacts
	// Gateways lists the installations that exist, read or not: each gets its
	// status and health before its first reading, and what was published for
	// others in the past is emptied. Asked once per connection; nil, or an
	// empty answer, empties nothing.
	Gateways func() []string
	// StateDir keeps what was announced (mqtt-announced.json), so that devices
	// which go while envoyd is down are still removed; "" keeps it in memory.
	StateDir string
	// Report receives the health of the connection. May be nil.
	Report func(state status.State, message, mend string)
	Log    *slog.Logger // nil discards
	// Dial opens the connection of mqtt://; default: the host's network. For
	// tests without one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// HomeAssistant is how Home Assistant is served.
type HomeAssistant struct {
	Prefix   string        // of discovery topics; "" = no discovery
	Status   string        // its birth topic; default homeassistant/status when there is a Prefix
	Interval time.Duration // least time between two state messages; default 10 s
	Names    string        // NamesPlain (default) or NamesNative
}

// GatewayFacts is what the program knows of a gateway and a reading does not.
// Every field is optional: its zero value means unknown.
type GatewayFacts struct {
	Name         string        // the home's name, for a gateway that gave no reading yet
	Serial       string        // hardware in use, likewise
	Firmware     string        // likewise
	PartNumber   string        // from /info, "800-00554-r03"; the model number in Home Assistant
	Address      string        // as it is asked, with scheme: "https://192.168.1.20"
	TokenExpires time.Time     // of the access token in use
	Latency      time.Duration // of the newest answer
	Zone         string        // IANA name
	Problem      bool          // something is wrong that a person should know
	ProblemText  string        // what, and what to do
}

// Publisher publishes to one broker.
type Publisher struct {
	cfg    Config
	target target
	log    *slog.Logger
	memory *memory
	topics topics
	limits limits

	// cloudSent is the time of the newest cloud value published for each
	// gateway: those are said once, even across connections.
	cloudSent map[string]time.Time
	since     time.Time // when watching began
}

// limits are the times a test may want shorter.
type limits struct {
	connect, write, ack, keepAlive, ping, goodbye, birthPause, echo time.Duration
}

func defaultLimits() limits {
	return limits{
		connect: 10 * time.Second, write: 5 * time.Second, ack: 30 * time.Second,
		keepAlive: 30 * time.Second, ping: 10 * time.Second, goodbye: 2 * time.Second, birthPause: birthPause, echo: echoWait,
	}
}

// New checks the configuration, reads the certificates and what was announced
// by an earlier run. The broker is not contacted. Errors are configuration
// faults, each with its mend.
func New(cfg Config) (*Publisher, error) {
	cfg = withDefaults(cfg)
	if cfg.Hub == nil {
		return nil, errors.New("mqtt needs a hub to listen on")
	}
	if err := checkNames(cfg); err != nil {
		return nil, err
	}
	target, err := newTarget(cfg)
	if err != nil {
		return nil, err
	}
	memory, err := openMemory(cfg.StateDir)
	if err != nil {
		// It costs at most a device that stays in Home Assistant too long.
		cfg.Log.Warn("starting without the memory of what was announced", "error", err)
	}
	p := &Publisher{
		cfg:       cfg,
		target:    target,
		log:       cfg.Log,
		memory:    memory,
		topics:    topics{base: cfg.Topic, prefix: cfg.HA.Prefix},
		limits:    defaultLimits(),
		cloudSent: map[string]time.Time{},
		since:     time.Now(),
	}
	p.memory.moved(p.topics)
	return p, nil
}

func withDefaults(cfg Config) Config {
	if cfg.ClientID == "" {
		cfg.ClientID = "envoyd"
		if host, err := os.Hostname(); err == nil && host != "" {
			cfg.ClientID += "-" + host
		}
	}
	if cfg.Topic == "" {
		cfg.Topic = "envoyd"
	}
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	if cfg.HA.Interval <= 0 {
		cfg.HA.Interval = 10 * time.Second
	}
	if cfg.HA.Status == "" {
		cfg.HA.Status = "homeassistant/status"
	}
	if cfg.HA.Names == "" {
		cfg.HA.Names = NamesPlain
	}
	if cfg.Facts == nil {
		cfg.Facts = func(string) GatewayFacts { return GatewayFacts{} }
	}
	if cfg.Gateways == nil {
		cfg.Gateways = func() []string { return nil }
	}
	if cfg.Report == nil {
		cfg.Report = func(status.State, string, string) {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// checkNames refuses what would make illegal topics.
func checkNames(cfg Config) error {
	for _, t := range []struct{ key, topic string }{
		{"mqtt.topic", cfg.Topic},
		{"mqtt.homeassistant.prefix", cfg.HA.Prefix},
		{"mqtt.homeassistant.status", cfg.HA.Status},
	} {
		if strings.ContainsAny(t.topic, "+#\x00") || strings.HasPrefix(t.topic, "/") || strings.HasSuffix(t.topic, "/") || strings.HasPrefix(t.topic, "$") || len(t.topic) > 200 {
			return configFault(fmt.Errorf("%s: %q cannot be a topic", t.key, t.topic),
				"Use words joined by /, without + # $ and without / at either end.")
		}
	}
	if cfg.Topic == cfg.HA.Prefix {
		return configFault(fmt.Errorf("mqtt.topic and mqtt.homeassistant.prefix are both %q", cfg.Topic),
			"Give mqtt.topic a name of its own, such as envoyd.")
	}
	if cfg.HA.Names != NamesPlain && cfg.HA.Names != NamesNative {
		return configFault(fmt.Errorf("mqtt.homeassistant.names: %q is not known", cfg.HA.Names), "Use plain or native.")
	}
	return nil
}
