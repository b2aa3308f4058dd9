// Package config turns the YAML file into a checked struct: every key has a
// default, unknown keys are errors, every fault is reported at once with its
// line or dotted key and what to do, and secrets are read from wherever the
// owner put them (in the file, in a file of their own, or handed over by
// systemd). An empty file is valid.
//
// Nothing here talks to the network or decides how a value is used.
package config

import (
	"envoyd/internal/secret"
)

// Config is the whole file. The fields mirror its keys; configs/envoyd.yaml
// explains each of them.
type Config struct {
	Gateways  []Gateway `yaml:"gateways"`
	Discover  Discover  `yaml:"discover"`
	Account   Account   `yaml:"account"`
	Poll      Poll      `yaml:"poll"`
	Cloud     Cloud     `yaml:"cloud"`
	MQTT      MQTT      `yaml:"mqtt"`
	Influx    Influx    `yaml:"influx"`
	Store     Store     `yaml:"store"`
	HTTP      HTTP      `yaml:"http"`
	Endpoints Endpoints `yaml:"endpoints"`

	// File is where it was read from, "" for the defaults.
	File string `yaml:"-"`
}

// Gateway is one configured gateway. Serial is its identity.
type Gateway struct {
	Serial       string      `yaml:"serial"`
	Name         string      `yaml:"name"`
	Replaces     string      `yaml:"replaces"`
	Address      string      `yaml:"address"`
	Token        secret.Text `yaml:"token"`
	TokenFile    string      `yaml:"token_file"`
	Password     secret.Text `yaml:"password"`
	PasswordFile string      `yaml:"password_file"`
	Certificate  List        `yaml:"certificate"`
	Timezone     string      `yaml:"timezone"`
}

// Discover limits where gateways are looked for.
type Discover struct {
	Interfaces []string `yaml:"interfaces"`
}

// Account is the Enphase home-owner login, used only to fetch gateway tokens.
type Account struct {
	Username     string      `yaml:"username"`
	Password     secret.Text `yaml:"password"`
	PasswordFile string      `yaml:"password_file"`
}

// Poll holds the targets; the gateway's own speed may slow them down.
type Poll struct {
	Meters    Duration `yaml:"meters"`
	Batteries Duration `yaml:"batteries"`
	Inverters Duration `yaml:"inverters"`
	Live      Duration `yaml:"live"`
	Status    Duration `yaml:"status"`
}

// Cloud says when and how the vendor's cloud is asked.
type Cloud struct {
	After     Duration  `yaml:"after"`
	Enlighten Enlighten `yaml:"enlighten"`
}

// Enlighten is access to the Enlighten API v4.
type Enlighten struct {
	App              string      `yaml:"app"`
	ClientID         string      `yaml:"client_id"`
	ClientSecret     secret.Text `yaml:"client_secret"`
	ClientSecretFile string      `yaml:"client_secret_file"`
	APIKey           secret.Text `yaml:"api_key"`
	APIKeyFile       string      `yaml:"api_key_file"`
	SystemID         int64       `yaml:"system_id"`
	Plan             string      `yaml:"plan"`
	Username         string      `yaml:"username"`
	Password         secret.Text `yaml:"password"`
	PasswordFile     string      `yaml:"password_file"`
}

// MQTT is the broker and what is published there.
type MQTT struct {
	URL           string        `yaml:"url"`
	Username      string        `yaml:"username"`
	Password      secret.Text   `yaml:"password"`
	PasswordFile  string        `yaml:"password_file"`
	CAFile        string        `yaml:"ca_file"`
	CertFile      string        `yaml:"cert_file"`
	KeyFile       string        `yaml:"key_file"`
	ClientID      string        `yaml:"client_id"`
	Topic         string        `yaml:"topic"`
	Interval      Duration      `yaml:"interval"`
	HomeAssistant HomeAssistant `yaml:"homeassistant"`
}

// HomeAssistant is the discovery part of MQTT.
type HomeAssistant struct {
	Prefix   string   `yaml:"prefix"`
	Status   string   `yaml:"status"`
	Interval Duration `yaml:"interval"`
	Names    string   `yaml:"names"`
}

// Influx is the database the readings go to.
type Influx struct {
	URL          string            `yaml:"url"`
	Org          string            `yaml:"org"`
	Bucket       string            `yaml:"bucket"`
	Token        secret.Text       `yaml:"token"`
	TokenFile    string            `yaml:"token_file"`
	Username     string            `yaml:"username"`
	Password     secret.Text       `yaml:"password"`
	PasswordFile string            `yaml:"password_file"`
	CAFile       string            `yaml:"ca_file"`
	Prefix       string            `yaml:"prefix"`
	Tags         map[string]string `yaml:"tags"`
	Interval     Duration          `yaml:"interval"`
}

// Store is what is kept on disk, and for how long.
type Store struct {
	Path     string   `yaml:"path"`
	Raw      Duration `yaml:"raw"`
	Minutes  Duration `yaml:"minutes"`
	Quarters Duration `yaml:"quarters"`
	MaxSize  Size     `yaml:"max_size"`
}

// HTTP is the page and the API.
type HTTP struct {
	Listen string   `yaml:"listen"`
	Hosts  []string `yaml:"hosts"`
}

// Endpoints are the vendor's services; other addresses are for tests.
type Endpoints struct {
	Entrez    string `yaml:"entrez"`
	Enlighten string `yaml:"enlighten"`
	API       string `yaml:"api"`
	CAFile    string `yaml:"ca_file"`
}
