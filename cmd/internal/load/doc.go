// Package load is a placeholder.
package load
