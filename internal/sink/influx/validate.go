package influx

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"envoyd/internal/reading"
)

// validate finds every fault of the configuration at once and returns the base
// address. No message repeats a value that might hold a secret.
func validate(cfg Config) (*url.URL, error) {
	base, err := address(cfg.URL)
	faults := []error{err, login(cfg)}
	if !plainName.MatchString(cfg.Prefix) {
		faults = append(faults, setting("influx.prefix", "Use letters, digits, _ - and dots, a letter first.",
			fmt.Errorf("%q cannot begin a measurement's name", shortened(cfg.Prefix))))
	}
	if cfg.Interval < 0 {
		faults = append(faults, setting("influx.interval", "Give a duration such as 1s or 10s.",
			fmt.Errorf("%v is negative", cfg.Interval)))
	}
	reserved := reservedKeys()
	for key, value := range cfg.Tags {
		faults = append(faults, tag(key, value, reserved))
	}
	return base, errors.Join(faults...)
}

func address(text string) (*url.URL, error) {
	const mend = "Give the database's base address, such as http://192.168.1.10:8086."
	wrong := func(why string) (*url.URL, error) { return nil, setting("influx.url", mend, errors.New(why)) }
	base, err := url.Parse(text)
	switch {
	case err != nil:
		return wrong("this is not a URL")
	case base.Scheme != "http" && base.Scheme != "https":
		return wrong("the URL does not begin with http:// or https://")
	case base.Hostname() == "":
		return wrong("the URL names no host")
	case base.User != nil:
		return nil, setting("influx.url", "Move the login to influx.token_file or influx.username and influx.password_file.",
			errors.New("the URL holds a login"))
	case base.RawQuery != "" || base.Fragment != "":
		return wrong("the URL holds more than an address")
	}
	path := strings.TrimSuffix(base.Path, "/")
	if strings.HasSuffix(path, "/write") || strings.HasSuffix(path, "/api/v2") {
		return wrong("the URL is that of the write endpoint, which is added to it")
	}
	return base, nil
}

func login(cfg Config) error {
	switch {
	case !cfg.Token.IsZero() && (cfg.Username != "" || !cfg.Password.IsZero()):
		return setting("influx.token", "Keep the token for InfluxDB 2 and 3, the user name for 1.8.",
			errors.New("a token and a user name are given"))
	case cfg.Username == "" && !cfg.Password.IsZero():
		return setting("influx.username", "Give the user name that belongs to influx.password.",
			errors.New("a password without a user name"))
	case unfit(cfg.Token.Reveal()):
		return setting("influx.token", "Give the token alone, on one line.",
			errors.New("the token holds a line break or another control character"))
	case unfit(cfg.Username) || unfit(cfg.Password.Reveal()):
		return setting("influx.password", "Give user name and password alone, each on one line.",
			errors.New("the login holds a line break or another control character"))
	}
	return nil
}

// tag checks one configured tag. Reserved are the tags and fields of our own
// points, because InfluxDB 3 refuses a tag and a field of one name, and what
// the line protocol keeps for itself.
func tag(key, value string, reserved []string) error {
	name := fmt.Sprintf("influx.tags.%s", shortened(key))
	switch {
	case !plainName.MatchString(key):
		return setting("influx.tags", "Name tags with letters, digits, _ - and dots, a letter first.",
			fmt.Errorf("%q cannot be a tag's name", shortened(key)))
	case slices.Contains(reserved, key):
		return setting(name, "Use another name.", errors.New("envoyd writes a tag or field of this name itself"))
	case unfit(value) || strings.Contains(value, `\`) || len(value) > longestTag:
		return setting(name, fmt.Sprintf("Use plain text of at most %d characters.", longestTag),
			errors.New("the value cannot be a tag"))
	}
	return nil
}

// plainName is what a measurement's or a tag's name may be: nothing in it needs
// an escape, and no database reserves it.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

// unfit reports characters that the line protocol or a header cannot carry.
func unfit(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
}

// reservedKeys lists the tags and fields of every measurement.
func reservedKeys() []string {
	keys := []string{"time", tagGateway, tagSource, tagKind, tagPhase, tagSerial, fieldEstimated}
	var r reading.Reading
	var m reading.Meter
	var i reading.Inverter
	var b reading.Battery
	var d reading.Daemon
	power, energy, meter := r.Power.Fields(), r.Energy.Fields(), m.Fields()
	inverter, battery, storage, own := i.Fields(), b.Fields(), r.Storage.Fields(), d.Fields()
	for _, f := range slices.Concat(power[:], energy[:], meter[:], inverter[:], battery[:], storage[:], own[:]) {
		keys = append(keys, f.Name)
	}
	return keys
}
