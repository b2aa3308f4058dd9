package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"envoyd/internal/config"

	"github.com/google/go-cmp/cmp"
)

func TestEmptyFileIsTheDefaults(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "comments": "# nothing\n", "empty sections": "mqtt:\npoll:\n"} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Parse("f", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got.Poll.Meters.Duration != time.Second || got.MQTT.Topic != "envoyd" || got.HTTP.Listen != "127.0.0.1:8099" {
				t.Errorf("defaults lost: %+v", got)
			}
		})
	}
}

// The sample is what owners copy, so it must say exactly what the defaults are.
func TestSampleFileIsTheDefaults(t *testing.T) {
	sample, err := os.ReadFile("../../configs/envoyd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.Parse("", sample)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	got.Gateways, got.Discover.Interfaces, got.HTTP.Hosts, got.Influx.Tags = nil, nil, nil, nil
	if d := cmp.Diff(want, *got); d != "" {
		t.Errorf("configs/envoyd.yaml differs from the defaults (-default +file):\n%s", d)
	}
}

// The commented gateway block is the one owners fill in: it must be complete
// and accepted once the comment signs are gone.
func TestSampleGatewayBlockIsAccepted(t *testing.T) {
	sample, err := os.ReadFile("../../configs/envoyd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("gateways:\n")
	for line := range strings.Lines(string(sample)) {
		if rest, ok := strings.CutPrefix(line, "#  "); ok {
			b.WriteString("  " + rest)
		}
	}
	got, err := config.Parse("", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Gateways) != 1 || got.Gateways[0].Serial != "122333444555" || got.Gateways[0].Name != "Home" {
		t.Errorf("got %+v", got.Gateways)
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	text := `
mqt:
  url: x
mqtt:
  url: gopher://broker
  homeassistant: {names: fancy}
poll:
  meters: often
gateways:
  - serial: "1223"
    certificate: nope
  - {serial: "122333444555", timezone: Mars/Olympus}
influx: {url: "http://user:hunter2@db:8086"}
`
	_, err := config.Parse("envoyd.yaml", []byte(text))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`line 2: unknown key "mqt"; did you mean "mqtt"?`,
		`mqtt.url: begins with gopher://`,
		`"often" is not a duration`,
		`gateways[0].serial: must be the 12 digits`,
		`gateways[0].certificate`,
		`gateways[1].timezone: "Mars/Olympus" is not a time zone`,
		`mqtt.homeassistant.names: "fancy" is not known; write plain or native`,
		`influx.bucket: is needed`,
		`influx.url: holds a user name`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is in the message:\n%v", err)
	}
}

func TestFormFaultsNameLineAndMend(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"mistyped key", "mqtt:\n  ulr: x\n", `line 2: unknown key "ulr"; did you mean "url"?`},
		{"mistyped key in a gateway", "gateways:\n  - serail: \"122333444555\"\n", `did you mean "serial"?`},
		{"reserved key", "tariff: 1\n", "reserved for a later version"},
		{"list for text", "mqtt:\n  url: [a]\n", "line 2: a list stands where a text is expected"},
		{"text for number", "cloud:\n  enlighten:\n    system_id: abc\n", "line 3: a text stands where a whole number is expected"},
		{"text for group", "mqtt: broker\n", "line 1: a text stands where a group of keys, indented below, is expected"},
		{"number without unit", "poll:\n  meters: 30\n", "is not a duration"},
		{"key twice", "http:\n  listen: a:1\n  listen: b:2\n", "stands there twice"},
		{"tab", "mqtt:\n\turl: x\n", "check the indentation"},
		{"second document", "http:\n  hosts: []\n---\nmqtt:\n", "second document"},
		{"http endpoint elsewhere", "endpoints: {entrez: \"http://example.org\"}\n", "only for a loopback address"},
		{"two gateways alike", "gateways: [{serial: \"122333444555\"}, {serial: \"122333444555\"}]\n", "stands there twice"},
		{"replaces in a circle", "gateways: [{serial: \"122333444555\", replaces: \"122333444556\"}, {serial: \"122333444556\", replaces: \"122333444555\"}]\n", "in a circle"},
		{"client id alone", "cloud: {enlighten: {client_id: a}}\n", "cloud.enlighten.api_key_file: is needed; client_id, client_secret and api_key come together"},
		{"no client id", "cloud: {enlighten: {client_secret: a, api_key: b}}\n", "cloud.enlighten.client_id: is needed"},
		{"no client secret", "cloud: {enlighten: {client_id: a, api_key: b}}\n", "cloud.enlighten.client_secret_file: is needed"},
		{"partner without a login", "cloud: {enlighten: {app: partner, client_id: a, client_secret: b, api_key: c}}\n", "cloud.enlighten.username: is needed for a partner application"},
		{"partner without a password", "cloud: {enlighten: {app: partner, client_id: a, client_secret: b, api_key: c, username: d}}\n", "cloud.enlighten.password_file: is needed for a partner application"},
		{"bare ipv6", "gateways: [{serial: \"122333444555\", address: \"fd00::1\"}]\n", "IPv6 address stands in brackets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse("f", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

func TestAddressesThatPeopleWrite(t *testing.T) {
	for _, address := range []string{"envoy.local", "192.168.1.20", "192.168.1.20:8443", "https://192.168.1.20", "https://[fd00::1]:8443", "[fd00::1]", "[fd00::1]:443", "http://10.0.0.2/"} {
		_, err := config.Parse("f", []byte("gateways: [{serial: \"122333444555\", address: \""+address+"\"}]\n"))
		if err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestApplicationsThatAreWhole(t *testing.T) {
	for name, text := range map[string]string{
		"none":      "cloud: {enlighten: {app: partner, plan: partner}}\n",
		"developer": "cloud: {enlighten: {client_id: a, client_secret: b, api_key: c}}\n",
		"partner":   "cloud: {enlighten: {app: partner, client_id: a, client_secret: b, api_key: c, username: d, password: e}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := config.Parse("f", []byte(text)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSecretsComeFromOnePlace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pw")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("file", func(t *testing.T) {
		c, err := config.Parse("f", []byte("mqtt: {username: u, password_file: "+file+"}\n"))
		if err != nil || c.MQTT.Password.Reveal() != "from file" {
			t.Errorf("got %v, %v", c, err)
		}
	})
	t.Run("file and value", func(t *testing.T) {
		_, err := config.Parse("f", []byte("mqtt: {username: u, password: hunter2, password_file: "+file+"}\n"))
		if err == nil || !strings.Contains(err.Error(), "mqtt.password: given twice") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("missing file", func(t *testing.T) {
		_, err := config.Parse("f", []byte("mqtt: {username: u, password_file: "+dir+"/none}\n"))
		if err == nil || !strings.Contains(err.Error(), "mqtt.password_file: ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("systemd credential", func(t *testing.T) {
		t.Setenv("CREDENTIALS_DIRECTORY", dir)
		if err := os.WriteFile(filepath.Join(dir, "gateways.122333444555.token"), []byte("a.b.c"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Parse("f", []byte("gateways: [{serial: \"122333444555\"}]\n"))
		if err != nil || c.Gateways[0].Token.Reveal() != "a.b.c" {
			t.Errorf("got %v, %v", c, err)
		}
	})
	t.Run("a serial with a path in it reads nothing", func(t *testing.T) {
		t.Setenv("CREDENTIALS_DIRECTORY", dir)
		_, err := config.Parse("f", []byte("gateways: [{serial: \"../../etc/passwd\"}]\n"))
		if err == nil || !strings.Contains(err.Error(), "must be the 12 digits") {
			t.Errorf("got %v", err)
		}
	})
}

func TestDurations(t *testing.T) {
	parse := func(text string) (time.Duration, error) {
		c, err := config.Parse("f", []byte("mqtt: {interval: \""+text+"\"}\n"))
		if err != nil {
			return 0, err
		}
		return c.MQTT.Interval.Duration, nil
	}
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "1w": 168 * time.Hour,
		"10y": 87600 * time.Hour, "off": 0, "500ms": 500 * time.Millisecond, "1.5s": 1500 * time.Millisecond,
	} {
		if got, err := parse(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "10", "s", "-1s", "1x", "1e9y", "999999y", "1.2.3s"} {
		if got, err := parse(text); err == nil {
			t.Errorf("%q accepted as %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("mqtt: {url: \"mqtt://h\"}"))
	f.Add([]byte("gateways: [{serial: \"122333444555\", certificate: [a, b]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := config.Parse("f", data); (c == nil) == (err == nil) {
			t.Errorf("config %v and error %v", c, err)
		}
	})
}
