/* SPDX-License-Identifier: ISC */
/* PEM files are read and tried at start, so that a wrong one stops the service
 * there and not at the first token. */
#include "api/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define KEY_FILE_MAX 16384
#define RSA_BITS_MIN 2048

char *
api_key_file_read(
    const char *setting, const char *path, char *err, size_t err_size)
{
	char *text;
	ssize_t n;
	int fd;

	if (*path == '\0') {
		snprintf(err, err_size, "%s is not set", setting);
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		snprintf(err, err_size, "%s: %s: %s", setting, path,
		    strerror(errno));
		return NULL;
	}
	text = base_alloc(KEY_FILE_MAX + 1);
	n = read(fd, text, KEY_FILE_MAX);
	close(fd);
	if (n <= 0 || n == KEY_FILE_MAX) {
		snprintf(err, err_size, "%s: %s is no PEM file", setting, path);
		base_free(text);
		return NULL;
	}
	return text;
}

static bool
fits(EVP_PKEY *key, bool rsa)
{
	if (rsa)
		return EVP_PKEY_base_id(key) == EVP_PKEY_RSA &&
		    EVP_PKEY_bits(key) >= RSA_BITS_MIN;
	return EVP_PKEY_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_bits(key) == 256;
}

bool
api_key_check_public(
    const char *setting, const char *pem, bool rsa, char *err, size_t err_size)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	bool good = key != NULL && fits(key, rsa);

	EVP_PKEY_free(key);
	BIO_free(bio);
	if (!good)
		snprintf(err, err_size, "%s is not a public key for %s",
		    setting,
		    rsa ? "RS256 (RSA, at least 2048 bits)" :
			  "ES256 (curve P-256)");
	return good;
}
