"""the case board

Revision ID: 0012
Revises: 0011
"""
import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'patient_case',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('title', sa.String(length=120), nullable=False),
        sa.Column('patient_id', sa.Text(), nullable=False),
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=False),
        sa.Column('is_open', sa.Boolean(), nullable=False),
        sa.Column('opened_by', sa.String(length=64), nullable=False),
        sa.Column('opened_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_patient_case')),
    )
    op.create_table(
        'case_study',
        sa.Column('case_id', sa.String(length=36), nullable=False),
        sa.Column('study_uid', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('case_id', 'study_uid', name=op.f('pk_case_study')),
    )
    op.create_table(
        'case_entry',
        sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
        sa.Column('case_id', sa.String(length=36), nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('author', sa.String(length=64), nullable=False),
        sa.Column('full_name', sa.String(length=128), nullable=False),
        sa.Column('role', sa.String(length=64), nullable=False),
        sa.Column('refers_to', sa.Integer(), nullable=True),
        sa.Column('imported', sa.Boolean(), nullable=False),
        sa.Column('at', sa.Double(), nullable=False),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_case_entry')),
    )
    with op.batch_alter_table('case_entry') as batch:
        batch.create_index('ix_case_entry_case_id', ['case_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('case_entry') as batch:
        batch.drop_index('ix_case_entry_case_id')
    op.drop_table('case_entry')
    op.drop_table('case_study')
    op.drop_table('patient_case')
