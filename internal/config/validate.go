package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	serialForm = regexp.MustCompile(`^[0-9]{12}$`)
	pinForm    = regexp.MustCompile(`^(sha256:)?[0-9a-fA-F]{64}$`)
	topicForm  = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)
	prefixForm = regexp.MustCompile(`^[A-Za-z0-9_]*$`)
	tagForm    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
)

// checks collects what is wrong, each with its dotted key.
type checks struct{ faults []string }

func (k *checks) fail(key, format string, args ...any) {
	k.faults = append(k.faults, key+": "+fmt.Sprintf(format, args...))
}

func (k *checks) that(ok bool, key, format string, args ...any) {
	if !ok {
		k.fail(key, format, args...)
	}
}

func (k *checks) oneOf(key, value string, allowed ...string) {
	k.that(slices.Contains(allowed, value), key, "%q is not known; write %s", value, strings.Join(allowed, " or "))
}

func (k *checks) atLeast(key string, d Duration, least time.Duration) {
	k.that(d.Duration >= least, key, "must be at least %s", least)
}

func (c *Config) validate() []string {
	k := &checks{}
	k.gateways(c.Gateways)
	k.account(&c.Account)
	k.poll(&c.Poll)
	k.cloud(&c.Cloud)
	k.mqtt(&c.MQTT)
	k.influx(&c.Influx)
	k.store(&c.Store)
	k.http(&c.HTTP)
	k.endpoints(&c.Endpoints)
	return k.faults
}

func (k *checks) gateways(all []Gateway) {
	seen := map[string]bool{}
	for i, g := range all {
		key := fmt.Sprintf("gateways[%d]", i)
		k.that(serialForm.MatchString(g.Serial), key+".serial", "must be the 12 digits on the gateway's label, in quotes")
		k.that(!seen[g.Serial], key+".serial", "%s stands there twice; keep one block for each gateway", g.Serial)
		seen[g.Serial] = true
		k.that(g.Replaces == "" || serialForm.MatchString(g.Replaces), key+".replaces", "must be the 12 digits of the gateway before this one")
		k.that(g.Replaces == "" || g.Replaces != g.Serial, key+".replaces", "a gateway cannot replace itself")
		for _, pin := range g.Certificate {
			k.that(pinForm.MatchString(pin), key+".certificate", "must be the 64 hexadecimal digits that `envoyd discover` prints")
		}
		if g.Timezone != "" {
			_, err := time.LoadLocation(g.Timezone)
			k.that(err == nil, key+".timezone", "%q is not a time zone; write one like Europe/Berlin", g.Timezone)
		}
		if g.Address != "" {
			k.that(validAddress(g.Address), key+".address", "%q is not a host, host:port or URL (an IPv6 address stands in brackets)", g.Address)
		}
	}
	for i, g := range all {
		k.that(!loops(all, g), fmt.Sprintf("gateways[%d].replaces", i), "the gateways replace each other in a circle")
	}
}

// loops reports whether following replaces from g comes back to g.
func loops(all []Gateway, g Gateway) bool {
	next := g.Replaces
	for range all {
		i := slices.IndexFunc(all, func(o Gateway) bool { return o.Serial == next })
		if next == "" || i < 0 {
			return false
		}
		if next == g.Serial {
			return true
		}
		next = all[i].Replaces
	}
	return next == g.Serial
}

// validAddress accepts host, host:port and http(s) URLs without path or user.
func validAddress(address string) bool {
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
			strings.Trim(u.Path, "/") == "" && u.RawQuery == ""
	}
	if _, err := netip.ParseAddr(strings.Trim(address, "[]")); err == nil {
		return !strings.Contains(address, ":") || strings.HasPrefix(address, "[")
	}
	host := address
	if h, port, err := net.SplitHostPort(address); err == nil {
		if !validPort(port) {
			return false
		}
		host = h
		if _, err := netip.ParseAddr(host); err == nil {
			return true
		}
	}
	return host != "" && nameForm.MatchString(host)
}

func (k *checks) account(a *Account) {
	k.that(a.Username == "" || !a.Password.IsZero() || a.PasswordFile != "", "account.password_file", "is needed with account.username; or remove both and paste a token")
	k.that(a.Username != "" || a.Password.IsZero(), "account.username", "is needed with a password: the e-mail address of the Enphase login")
}

func (k *checks) poll(p *Poll) {
	for _, t := range []struct {
		key   string
		value Duration
		least time.Duration
	}{
		{"poll.meters", p.Meters, 500 * time.Millisecond},
		{"poll.batteries", p.Batteries, time.Second},
		{"poll.inverters", p.Inverters, 10 * time.Second},
		{"poll.live", p.Live, time.Second},
		{"poll.status", p.Status, time.Minute},
	} {
		if !t.value.Off() {
			k.atLeast(t.key, t.value, t.least)
		}
	}
}

func (k *checks) cloud(c *Cloud) {
	k.atLeast("cloud.after", c.After, 10*time.Second)
	e := &c.Enlighten
	k.oneOf("cloud.enlighten.app", e.App, "developer", "partner")
	k.oneOf("cloud.enlighten.plan", e.Plan, "watt", "kilowatt", "megawatt", "partner")
	k.that(e.SystemID >= 0, "cloud.enlighten.system_id", "must not be negative")
	k.application(e)
}

// application wants all of what the developer portal shows, or nothing: with a
// part of it every call would fail.
func (k *checks) application(e *Enlighten) {
	const section = "cloud.enlighten."
	keys := []struct {
		name  string
		given bool
	}{
		{"client_id", e.ClientID != ""},
		{"client_secret_file", !e.ClientSecret.IsZero() || e.ClientSecretFile != ""},
		{"api_key_file", !e.APIKey.IsZero() || e.APIKeyFile != ""},
	}
	some := false
	for _, key := range keys {
		some = some || key.given
	}
	for _, key := range keys {
		k.that(key.given || !some, section+key.name,
			"is needed; client_id, client_secret and api_key come together from the application at developer-v4.enphase.com")
	}
	if e.App == "partner" && some {
		k.that(e.Username != "", section+"username", "is needed for a partner application: the installer's Enlighten login")
		k.that(!e.Password.IsZero() || e.PasswordFile != "", section+"password_file", "is needed for a partner application: the installer's password")
	}
}

func (k *checks) mqtt(m *MQTT) {
	if m.URL != "" {
		k.url("mqtt.url", m.URL, "mqtt", "tcp", "mqtts", "ssl", "ws", "wss")
	}
	k.that(topicForm.MatchString(m.Topic), "mqtt.topic", "may have letters, digits, _ and -, with / between levels")
	k.that((m.CertFile == "") == (m.KeyFile == ""), "mqtt.cert_file", "cert_file and key_file belong together; give both or none")
	k.that(m.Username != "" || m.Password.IsZero(), "mqtt.username", "is needed with a password")
	k.that(m.Interval.Duration >= 0, "mqtt.interval", "must not be negative")
	h := &m.HomeAssistant
	k.oneOf("mqtt.homeassistant.names", h.Names, "plain", "native")
	k.that(h.Prefix == "" || topicForm.MatchString(h.Prefix), "mqtt.homeassistant.prefix", "may have letters, digits, _ and -")
	k.that(h.Prefix == "" || h.Prefix != m.Topic, "mqtt.topic", "must differ from mqtt.homeassistant.prefix")
}

func (k *checks) influx(i *Influx) {
	if i.URL == "" {
		return
	}
	k.url("influx.url", i.URL, "http", "https")
	k.that(i.Bucket != "", "influx.bucket", "is needed: the bucket, or \"db\" or \"db/rp\" on InfluxDB 1.8")
	k.that(i.Token.IsZero() || i.Username == "", "influx.username", "a token and a username exclude each other; keep one")
	k.that(i.Username != "" || i.Password.IsZero(), "influx.username", "is needed with a password")
	k.that(prefixForm.MatchString(i.Prefix), "influx.prefix", "may have letters, digits and _")
	for _, tag := range slices.Sorted(maps.Keys(i.Tags)) {
		k.that(tagForm.MatchString(tag), "influx.tags", "%q may have letters, digits and _", tag)
		k.that(!slices.Contains([]string{"gateway", "source", "kind", "phase", "serial", "time"}, tag), "influx.tags", "%q is used by envoyd itself; take another name", tag)
	}
}

func (k *checks) store(s *Store) {
	k.atLeast("store.raw", s.Raw, time.Hour)
	k.atLeast("store.minutes", s.Minutes, day)
	k.atLeast("store.quarters", s.Quarters, day)
	k.that(s.MaxSize >= 16<<20, "store.max_size", "must be at least 16MiB")
}

func (k *checks) http(h *HTTP) {
	if h.Listen == "" {
		return
	}
	_, port, err := net.SplitHostPort(h.Listen)
	k.that(err == nil && validPort(port), "http.listen", "%q is not host:port; write 127.0.0.1:8099, or :8099 for everybody on the home network", h.Listen)
}

func (k *checks) endpoints(e *Endpoints) {
	for _, s := range []struct{ key, value string }{
		{"endpoints.entrez", e.Entrez}, {"endpoints.enlighten", e.Enlighten}, {"endpoints.api", e.API},
	} {
		k.url(s.key, s.value, "https", "http")
		u, err := url.Parse(s.value)
		if err == nil && u.Scheme == "http" {
			k.that(loopback(u.Hostname()), s.key, "http:// is only for a loopback address: passwords would travel in the clear")
		}
	}
}

func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func (k *checks) url(key, value string, schemes ...string) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		k.fail(key, "is not a URL like %s://host:port", schemes[0])
		return
	}
	k.that(slices.Contains(schemes, u.Scheme), key, "begins with %s://; write %s", u.Scheme, strings.Join(schemes, ":// or ")+"://")
	k.that(u.User == nil, key, "holds a user name; give it in the keys of its own, so that it is never printed")
}
