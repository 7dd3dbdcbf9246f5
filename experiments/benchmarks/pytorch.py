"""The same networks and training steps in PyTorch, where it is installed: as it comes, or the way
that its manual calls fast.

``compiled``: the networks by ``torch.compile``, Adam's update in one kernel. ``bfloat16``: under
autocast, channels last.
"""

import torch
import torch._functorch.config
from torch import nn
from torch.nn import functional

FILTERS, LATENTS, CODES = (16, 32, 64), 128, 512
SIZE = 64  # of the autoencoders' images


def as_tensorflow() -> None:
    """On a GPU what TensorFlow has by itself: TF32, and cuDNN's algorithms chosen by trial."""
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def _autocast(tensor, enabled):
    return torch.autocast(tensor.device.type, torch.bfloat16, enabled=enabled)


def _down(before, filters, normalize=True):
    layers = [nn.Conv2d(before, filters, 4, stride=2, padding=1, bias=False)]
    return nn.Sequential(*layers, *[nn.BatchNorm2d(filters)] * normalize, nn.LeakyReLU(0.2))


def _up(before, filters, dropout=False):
    layers = [nn.ConvTranspose2d(before, filters, 4, stride=2, padding=1, bias=False)]
    return nn.Sequential(*layers, nn.BatchNorm2d(filters), *[nn.Dropout(0.5)] * dropout, nn.ReLU())


class UNet(nn.Module):
    """The U-Net generator, as deep as the size allows."""

    def __init__(self, filters=64, size=256):
        super().__init__()
        depth = size.bit_length() - 1
        widths = [filters * min(2**i, 8) for i in range(depth)]
        self.downs = nn.ModuleList(
            _down(before, width, normalize=i > 0)
            for i, (before, width) in enumerate(zip([3, *widths], widths, strict=False))
        )
        self.ups, before = nn.ModuleList(), widths[-1]
        for i, width in enumerate(reversed(widths[:-1])):
            self.ups.append(_up(before, width, dropout=i < 3))
            before = 2 * width
        self.last = nn.ConvTranspose2d(before, 3, 4, stride=2, padding=1)

    def forward(self, x):
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        for up, skip in zip(self.ups, skips[-2::-1], strict=True):
            x = torch.cat([up(x), skip], dim=1)
        return torch.tanh(self.last(x))


def patchgan(filters=64):
    """The discriminator of 70 x 70 patches, on six channels."""
    return nn.Sequential(
        *(_down(6 if i == 0 else filters * 2 ** (i - 1), filters * 2**i, i > 0) for i in range(3)),
        nn.Conv2d(filters * 4, filters * 8, 4, padding=1, bias=False),
        nn.BatchNorm2d(filters * 8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(filters * 8, 1, 4, padding=1),
    )


def pix2pix_step(filters=64, size=256, compiled=False, bfloat16=False):
    """(generator, train_step of (inputs, targets)): both gradients from one pass."""
    generator, discriminator = UNet(filters, size), patchgan(filters)
    if bfloat16:
        generator.to(memory_format=torch.channels_last)
        discriminator.to(memory_format=torch.channels_last)
    if compiled:
        # the discriminator's graph of the fakes is gone through for either loss
        torch._functorch.config.donated_buffer = False
        generator.compile()
        discriminator.compile()
    optimizers = [
        torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999), fused=compiled or None)
        for network in (generator, discriminator)
    ]
    cross_entropy = functional.binary_cross_entropy_with_logits

    def losses_of(inputs, targets):
        fakes = generator(inputs)
        fake_logits = discriminator(torch.cat([inputs, fakes], dim=1))
        real_logits = discriminator(torch.cat([inputs, targets], dim=1))
        ones, zeros = torch.ones_like(fake_logits), torch.zeros_like(fake_logits)
        discriminator_loss = cross_entropy(real_logits, ones) + cross_entropy(fake_logits, zeros)
        generator_loss = cross_entropy(fake_logits, ones)
        return generator_loss + 100.0 * functional.l1_loss(fakes, targets), discriminator_loss

    def train_step(inputs, targets):
        with _autocast(inputs, bfloat16):
            generator_loss, discriminator_loss = losses_of(inputs, targets)
        for network, loss in ((generator, generator_loss), (discriminator, discriminator_loss)):
            parameters = list(network.parameters())
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient.stride() != parameter.stride():  # which Adam in one kernel refuses
                    gradient = torch.empty_like(parameter).copy_(gradient)
                parameter.grad = gradient
        for optimizer in optimizers:
            optimizer.step()
        return generator_loss.detach()

    return generator, train_step


# The autoencoders --------------------------------------------------------------------------


def encoder(channels=3):
    """Images -> [B, 64, 16, 16]."""
    layers = []
    for i, filters in enumerate(FILTERS):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
        if i < len(FILTERS) - 1:
            layers += [nn.MaxPool2d(2), nn.BatchNorm2d(filters)]
        channels = filters
    return nn.Sequential(*layers)


def decoder():
    """[B, 64, 16, 16] -> logits of images."""
    layers, before = [], FILTERS[-1]
    for i, filters in enumerate(reversed(FILTERS)):
        kernel, stride = (4, 2) if i else (3, 1)
        layers += [nn.ConvTranspose2d(before, filters, kernel, stride, padding=1), nn.ReLU()]
        if i < len(FILTERS) - 1:
            layers.append(nn.BatchNorm2d(filters))
        before = filters
    return nn.Sequential(*layers, nn.ConvTranspose2d(before, 3, 3, padding=1))


class VAE(nn.Module):
    """With ``classes``, a CVAE."""

    def __init__(self, classes=0):
        super().__init__()
        self.classes = classes
        width = FILTERS[-1] * (SIZE // 4) ** 2
        self.encoder = nn.Sequential(encoder(3 + classes), nn.Flatten())
        self.mean, self.log_var = nn.Linear(width, LATENTS), nn.Linear(width, LATENTS)
        self.widening = nn.Linear(LATENTS + classes, width)
        self.decoder = decoder()

    def _decode(self, z):
        x = functional.relu(self.widening(z))
        return self.decoder(x.unflatten(1, (FILTERS[-1], SIZE // 4, SIZE // 4)))

    def loss(self, images, labels=None):
        """The negative ELBO for one image."""
        label, features = None, images
        if self.classes:
            label = functional.one_hot(labels, self.classes).float()
            planes = label[:, :, None, None].expand(-1, -1, SIZE, SIZE)
            features = torch.cat([images, planes], dim=1)
        x = self.encoder(features)
        mean, log_var = self.mean(x), self.log_var(x)
        z = mean + torch.exp(log_var / 2) * torch.randn_like(mean)
        z = torch.cat([z, label], dim=1) if self.classes else z
        recon = functional.binary_cross_entropy_with_logits(
            self._decode(z), images, reduction="sum"
        )
        kl = 0.5 * torch.sum(torch.exp(log_var) + mean**2 - 1 - log_var)
        return (recon + kl) / len(images)

    def forward(self, images):
        return torch.sigmoid(self._decode(self.mean(self.encoder(images))))


class VQVAE(nn.Module):
    """Encoder, codebook, decoder."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = encoder(), decoder()
        self.codes = nn.Parameter(torch.empty(CODES, FILTERS[-1]).uniform_(-1 / CODES, 1 / CODES))

    def _quantize(self, z):
        z = z.movedim(1, -1)
        flat = z.reshape(-1, z.shape[-1])
        distances = (self.codes**2).sum(dim=1) - 2 * flat @ self.codes.T
        return z, self.codes[distances.argmin(dim=1)].reshape(z.shape)

    def _decode(self, vectors):
        return torch.sigmoid(self.decoder(vectors.movedim(-1, 1)))

    def loss(self, images):
        """Reconstruction, codebook and commitment."""
        z, chosen = self._quantize(self.encoder(images))
        outputs = self._decode(z + (chosen - z).detach())
        mse = functional.mse_loss
        return mse(outputs, images) + mse(chosen, z.detach()) + 0.25 * mse(z, chosen.detach())

    def forward(self, images):
        return self._decode(self._quantize(self.encoder(images))[1])


def autoencoder_step(model, compiled=False, bfloat16=False):
    """A train_step of a batch, a tuple."""
    if bfloat16:
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=compiled or None)
    loss_of = torch.compile(model.loss) if compiled else model.loss

    def train_step(*batch):
        optimizer.zero_grad()
        with _autocast(batch[0], bfloat16):
            loss = loss_of(*batch)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return train_step
